"""Delete runs in MLflow (softly, as MLflow does) and restore them; folders stay where they are."""

from collections.abc import Mapping, Sequence
from functools import partial

from edm_core.actions.keep_plan import check_not_running
from edm_core.actions.mlflow_call import logged_call
from edm_core.actions.run_tags import is_deleted, told
from edm_core.errors import ActionError, EdmError, NotFoundError
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import RunRow
from edm_core.stores.data_states import trash_entries
from edm_core.stores.deleted import deleted_runs
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace

DELETE, RESTORE = "delete", "restore"


def delete_runs(workspace: Workspace, rows: Sequence[RunRow], *, force: bool = False, say: Say = quiet) -> Outcome:
    """Delete these runs in MLflow; their folders stay. `force` for registered ones, and those that MLflow alone calls
    running. Raises an EdmError when one cannot be deleted; then all are as they were."""
    with data_lane(workspace, "edm runs delete", say):
        for row in rows:
            _check(workspace, row, force)
        return _change(workspace, DELETE, {row.run_id: row.name for row in rows})


def restore_runs(workspace: Workspace, refs: Sequence[str], *, say: Say = quiet) -> Outcome:
    """Restore deleted runs by name, id or the beginning of one. Raises an EdmError as `delete_runs` does."""
    with data_lane(workspace, "edm runs restore", say):
        deleted = deleted_runs(workspace)
        rows = [find_deleted(deleted, ref) for ref in refs]
        trashed = {entry.run_id: entry.id for entry in trash_entries(workspace)}
        for row in rows:
            if row.run_id in trashed:
                raise ActionError(
                    f"{row.name} was discarded: its folder lies in the trash",
                    f"`edm storage trash restore {trashed[row.run_id]}` brings back both.",
                )
        return _change(workspace, RESTORE, {row.run_id: row.name for row in rows})


def find_deleted(rows: Sequence[RunRow], ref: str) -> RunRow:
    """The deleted run that `ref` names, or begins. Raises NotFoundError."""
    exact = [row for row in rows if ref in (row.name, row.run_id)]
    found = exact or [row for row in rows if ref and (row.name.startswith(ref) or row.run_id.startswith(ref))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"no deleted run is called {ref!r}", "`edm runs list --deleted` shows them.")
    listed = ", ".join(f"{row.name} ({row.run_id[:8]})" for row in found[:8])
    raise NotFoundError(f"{ref!r} could be {listed}", "Give the run id.")


def _check(workspace: Workspace, row: RunRow, force: bool) -> None:
    if not row.run_id or row.deleted:
        raise ActionError(f"{row.name} has no run in MLflow that could be deleted", "edm discard takes folders away.")
    folder = workspace.root / row.run_dir if row.run_dir else workspace.runs_dir / "none"
    check_not_running(row, folder, "runs delete", force)
    if row.model and not force:
        raise ActionError(
            f"run {row.name} is registered as {row.model}: its model names this run",
            f"edm runs delete {row.name} --force",
        )


def _change(workspace: Workspace, verb: str, runs: Mapping[str, str]) -> Outcome:
    whom = next(iter(runs.values())) if len(runs) == 1 else f"{len(runs)} runs"
    journal = Journal(workspace)
    entry = journal.begin(verb, whom, runs=dict(runs))
    try:
        _set(workspace, runs, verb == DELETE)
    except BaseException as error:
        _set(workspace, runs, verb != DELETE)
        journal.failed(entry.id, error.message if isinstance(error, EdmError) else "interrupted")
        raise
    journal.done(entry.id, undo={})
    where = "their folders stay" if len(runs) > 1 else "its folder, if any, stays"
    detail = f"{where}; `edm undo` brings it back" if verb == DELETE else ""
    return Outcome(f"{verb}d {whom} in MLflow", detail, "done", ("runs",), {"run": whom, "run_ids": list(runs)})


def _set(workspace: Workspace, runs: Mapping[str, str], deleted: bool) -> None:
    """Delete or restore those that are not so yet; can be done again."""
    client = mlflow_client(workspace)
    for run_id in runs:
        if is_deleted(client, run_id) != deleted:
            call = client.delete_run if deleted else client.restore_run
            with logged_call(workspace, f"{DELETE if deleted else RESTORE}_run({run_id!r})"):
                told(f"{DELETE if deleted else RESTORE} the run", partial(call, run_id))


def undo_delete(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Restored runs are deleted again, deleted ones restored. Can be run again after a crash."""
    _set(workspace, entry.data["runs"], entry.verb == RESTORE)
    return f"{entry.target} as before in MLflow"


def recover_delete(workspace: Workspace, entry: Entry) -> str:
    """One that died is taken back."""
    _set(workspace, entry.data["runs"], entry.verb == RESTORE)
    Journal(workspace).failed(entry.id, "interrupted")
    return f"the {entry.verb} of {entry.target} had been interrupted; it is as it was"
