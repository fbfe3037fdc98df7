"""Discard: the run folder goes to the trash by a rename, the MLflow run is deleted softly; undo brings both back."""

from pathlib import Path
from typing import Any

from edm_core.actions import trash
from edm_core.actions.keep_plan import check_not_running
from edm_core.actions.keep_recovery import recover_unfinished
from edm_core.actions.run_tags import is_deleted, told
from edm_core.errors import ActionError, EdmError
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace


def discard(workspace: Workspace, row: RunRow, *, asked_twice: bool = False, say: Say = quiet) -> Outcome:
    """Move the run to the trash; one that runs is refused.

    A kept or registered run, and one that MLflow alone calls running, needs `asked_twice`.
    Raises an EdmError when it cannot be done; then everything is as it was before.
    """
    with data_lane(workspace, f"edm discard {row.name}", say):
        recover_unfinished(workspace, row.run_dir, say)
        folder = workspace.root / row.run_dir if row.run_dir else None
        present = folder is not None and folder.is_dir()
        _check(workspace, row, folder if present else None, asked_twice)
        size = trash.measure(folder) if present and folder is not None else (0, 0)
        slot_id = trash.new_id(workspace, row.name) if present else ""
        journal = Journal(workspace)
        data = {"run_name": row.name, "run_id": row.run_id, "run_dir": row.run_dir, "slot": slot_id}
        entry = journal.begin("discard", row.name, **data)
        try:
            if present:
                trash.open_slot(workspace, row, trash.DISCARDED, row.run_dir, size, slot_id)
            act(workspace, entry)
        except BaseException as error:
            bring_back(workspace, entry)
            journal.failed(entry.id, error.message if isinstance(error, EdmError) else "interrupted")
            raise
        journal.done(entry.id, undo=data)
        return _outcome(row, size, slot_id)


def _check(workspace: Workspace, row: RunRow, folder: Path | None, asked_twice: bool) -> None:
    if row.data_state is DataState.TRASHED:
        raise ActionError(f"run {row.name} is in the trash already", "edm storage trash list")
    if folder is None and not row.run_id:
        raise ActionError(f"{row.name} has neither a folder here nor an MLflow run", "edm doctor")
    if folder is not None:
        if not folder.resolve().is_relative_to(workspace.root):
            raise ActionError(f"{folder} is a link out of the workspace", f"rm {folder}   removes the link alone")
        check_not_running(row, folder, "discard", asked_twice)
    elif row.status == "RUNNING":
        check_not_running(row, workspace.runs_dir / "none", "discard", asked_twice)
    if asked_twice:
        return
    again = f"edm discard {row.name} --force --yes-really {row.name}"
    if row.model:
        raise ActionError(f"run {row.name} is registered as {row.model}: its model names this run", again)
    if row.run_dir and (workspace.root / f"{row.run_dir}.dvc").exists():
        raise ActionError(f"run {row.name} is kept", f"{again}   (the kept version stays in DVC)")


def _outcome(row: RunRow, size: tuple[int, int], slot_id: str) -> Outcome:
    freed = f"{size[0]:,} bytes in {size[1]} files go when the trash is purged" if slot_id else "it had no folder here"
    data: dict[str, Any] = {"run": row.name, "run_id": row.run_id, "trash": slot_id, "bytes": size[0]}
    return Outcome(f"discarded {row.name}", f"{freed}; `edm undo` brings it back", "done", ("runs", "data"), data)


def act(workspace: Workspace, entry: Entry) -> None:
    """The rename and the soft deletion; what was done already (before a crash) is not done again."""
    journal, data = Journal(workspace), entry.data
    if data["slot"]:
        folder, content = _places(workspace, entry)
        if folder.is_dir() and not content.exists():
            journal.step(entry.id, "rename")
            trash.move(folder, content)
    if data["run_id"]:
        journal.step(entry.id, "delete_run")
        client = mlflow_client(workspace)
        if not is_deleted(client, data["run_id"]):
            told("delete the run", lambda: client.delete_run(data["run_id"]))


def bring_back(workspace: Workspace, entry: Entry) -> None:
    """MLflow run and folder as they were; ActionError when something has taken the folder's place.

    The run comes first, because its import and answer take a while: a folder that came back alone would for that
    time be a row of its own, without a run, and the cursor of one who looks at it would be elsewhere.
    """
    data = entry.data
    if data["run_id"] and (entry.state != "open" or _was_deleted(workspace, entry)):
        client = mlflow_client(workspace)
        if is_deleted(client, data["run_id"]):
            told("restore the run", lambda: client.restore_run(data["run_id"]))
    if data["slot"]:
        folder, content = _places(workspace, entry)
        if content.exists():
            trash.move(content, folder)
    slot = trash.read_slot(workspace.trash_dir / data["slot"] / "entry.json") if data["slot"] else None
    if slot is not None:
        trash.drop(slot)


def _was_deleted(workspace: Workspace, entry: Entry) -> bool:
    """Whether the journal says that the deletion had begun: MLflow is not asked (nor imported) for nothing."""
    noted = Journal(workspace).entry(entry.id)
    return noted is not None and noted.has("delete_run")


def _places(workspace: Workspace, entry: Entry) -> tuple[Path, Path]:
    slot = workspace.trash_dir / str(entry.data["slot"])
    return workspace.root / str(entry.data["run_dir"]), slot / trash.DISCARDED


def recover_discard(workspace: Workspace, entry: Entry) -> str:
    """Finish a discard whose process died after the rename; change it back when it had not come so far."""
    journal = Journal(workspace)
    name = entry.target
    _, content = _places(workspace, entry)
    if content.exists() or entry.has("delete_run"):
        act(workspace, entry)
        journal.done(entry.id, undo=dict(entry.data))
        return f"finished discarding {name}, which had been interrupted"
    bring_back(workspace, entry)
    journal.failed(entry.id, "interrupted")
    return f"changed back the discard of {name}, which had been interrupted"


def undo_discard(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Bring folder and MLflow run back. Can be run again after a crash.

    Raises ActionError when the trash was purged, or a new folder lies in the old one's place.
    """
    if entry.data["slot"]:
        folder, content = _places(workspace, entry)
        if not content.exists() and not folder.exists():
            raise ActionError(
                f"the trash was purged: the folder of {entry.target} is gone", "`edm pull`, if it was kept."
            )
        if content.exists() and folder.exists():
            raise ActionError(f"{folder} is there again, so the old one cannot come back", f"Move {folder} away first.")
    say(f"restoring {entry.target}")
    bring_back(workspace, entry)
    return f"{entry.target} is back"
