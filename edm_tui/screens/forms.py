"""Opening the forms: what each needs is read first, and what comes of it is an action of the app.

Each opener takes the app and the runs that the verb means; the app runs it as a worker of its own.
"""

from typing import Any

from textual.app import App

from edm_core.snapshots.runs import RunRow
from edm_tui.screens.edit_form import open_metadata
from edm_tui.screens.launching import launch_again, open_launch, open_sweep
from edm_tui.screens.model_forms import open_demote, open_promote, open_register

Rows = tuple[RunRow, ...]
__all__ = ["open_demote", "open_metadata", "open_new", "open_new_from", "open_promote", "open_register", "open_sweep"]


async def open_new(app: App[Any], rows: Rows) -> None:
    """The launch form with the defaults."""
    await open_launch(app, None)


async def open_new_from(app: App[Any], rows: Rows) -> None:
    """The launch form filled from a run; several runs are launched again as they are."""
    if len(rows) > 1:
        await launch_again(app, rows)
    else:
        await open_launch(app, rows[0] if rows else None)
