"""What `y` offers of a run."""

from typing import Any

from textual.app import App

from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace
from edm_tui.dialogs.menu import Choice, MenuDialog
from edm_tui.formatting import clean

FURTHER = "abcdefghilmoqrstuvwxyz"
"""Letters for metrics and params; those of the fixed choices and of moving are left out."""


def copy_choices(row: RunRow, workspace: Workspace) -> list[Choice]:
    """Name, id, path and address of the run, then its metrics and params with their values."""
    fixed = [Choice("n", f"name    {row.name}", row.name)]
    if row.run_id:
        fixed.append(Choice("1", f"run id  {row.run_id}", row.run_id))
    if row.run_dir:
        path = str(workspace.root / row.run_dir)
        fixed.append(Choice("p", f"path    {path}", path))
    if row.git_commit:
        fixed.append(Choice("2", f"commit  {row.git_commit}", row.git_commit))
    values = [(name, repr(found.last)) for name, found in sorted(row.metrics.items())]
    values += sorted(row.params.items())
    further = [
        Choice(letter, f"{name} = {value}", value) for letter, (name, value) in zip(FURTHER, values, strict=False)
    ]
    return fixed + further


def ask_copy(app: App[Any], row: RunRow, workspace: Workspace) -> None:
    """Ask what to copy, copy it, and say what was copied."""

    def chosen(text: str | None) -> None:
        if text is not None:
            app.copy_to_clipboard(text)
            app.notify(f"copied {clean(text)}", markup=False)

    app.push_screen(MenuDialog(f"Copy of {row.name}", copy_choices(row, workspace)), chosen)
