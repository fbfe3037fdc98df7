"""`:undelete`: which of the runs that are deleted in MLflow comes back."""

import time
from typing import TYPE_CHECKING

from edm_core.errors import EdmError
from edm_tui.dialogs.pick import Option, PickDialog, Picked
from edm_tui.formatting import age
from edm_tui.messages import ActionRequested

if TYPE_CHECKING:
    from edm_tui.screens.arranging import Arranging


async def ask_restore(screen: "Arranging") -> None:
    """List them (MLflow's client is asked, in a process of its own), and restore the one that is chosen."""
    where = ("--experiment", screen.experiment) if screen.experiment is not None else ()
    try:
        document = await screen.services.query("runs", "list", "--deleted", *where, lane=None, title="deleted runs")
    except EdmError as error:
        screen.host.show_error(error.message, error.hint)
        return
    runs = {str(run["run_id"]): run for run in document["runs"]}

    def picked(choice: Picked | None) -> None:
        if choice is not None:
            title = f"Restore {runs[choice.key]['name']}"
            screen.app.post_message(ActionRequested("restore", ("runs", "restore", choice.key), "data", title))

    options = [Option(run_id, str(run["name"]), _remark(run, time.time())) for run_id, run in runs.items()]
    screen.app.push_screen(
        PickDialog("Restore in MLflow", options, enter="restore", empty="no run of this experiment is deleted"), picked
    )


def _remark(run: dict[str, object], now: float) -> str:
    """Its id, and how long ago it started."""
    from datetime import datetime

    start = run.get("start")
    since = f"started {age(now - datetime.fromisoformat(start).timestamp())} ago" if isinstance(start, str) else ""
    return f"{str(run['run_id'])[:8]} {since} {run.get('experiment') or ''}".rstrip()
