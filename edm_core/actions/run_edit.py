"""A run's name and tags in MLflow: changed for one run or for many as one action, with a way back."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from edm_core.actions.mlflow_call import logged_call
from edm_core.actions.run_tags import told
from edm_core.errors import ActionError, EdmError, RunNameError
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.naming import check_run_name, naming_warnings
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.run_folders import metadata_run_id, tagged_folder
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

NAME_TAG = "mlflow.runName"
OURS = "edm."
Values = Mapping[str, str | None]
"""Tags by name, None for one that is not there; the run's name among them as NAME_TAG."""


def edit_runs(
    workspace: Workspace, rows: Sequence[RunRow], tags: Values, name: str | None = None, *, say: Say = quiet
) -> Outcome:
    """Set these tags of the runs (None deletes one), and the name of a single run; the folder keeps its own.

    Raises ActionError or StoreError when it cannot be done; then everything is as it was before.
    """
    _check(rows, tags, name)
    whom = rows[0].name if len(rows) == 1 else f"{len(rows)} runs"
    with data_lane(workspace, f"edm runs edit {whom}", say):
        if name is not None:
            _check_name(workspace, rows[0], name, say)
        client, journal = mlflow_client(workspace), Journal(workspace)
        wanted = {row.run_id: _wanted(workspace, row, tags, name) for row in rows}
        before = {run_id: _before(client, run_id, values) for run_id, values in wanted.items()}
        entry = journal.begin("edit", whom, before=before)
        try:
            for run_id, values in wanted.items():
                _set(workspace, client, run_id, values)
        except BaseException as error:
            _set_back(workspace, entry)
            journal.failed(entry.id, error.message if isinstance(error, EdmError) else "interrupted")
            raise
        journal.done(entry.id, undo={})
    said = [f"called {name} now"] if name is not None else []
    said += [f"{key} deleted" if value is None else f"{key} = {value}" for key, value in tags.items()]
    data = {"run": whom, "run_ids": list(wanted), "name": name, "tags": dict(tags)}
    return Outcome(f"edited {whom}", ", ".join(said), "done", ("runs",), data)


def _check(rows: Sequence[RunRow], tags: Values, name: str | None) -> None:
    for row in rows:
        if not row.run_id:
            raise ActionError(f"{row.name} has no MLflow run to edit", "A folder alone has no name and no tags.")
    if name is not None and len(rows) != 1:
        raise ActionError("several runs cannot have one name", "Rename them one by one.")
    for key in tags:
        if not key.strip() or key == NAME_TAG or key.startswith(OURS):
            raise ActionError(
                f"tag {key!r} is not for editing: it joins the run with its name, folder or job",
                "Choose another key; the name has its own field.",
            )


def _check_name(workspace: Workspace, row: RunRow, name: str, say: Say) -> None:
    check_run_name(name)
    others = [run_id for run_id, other in open_tracking(workspace).find(name) if other == name and run_id != row.run_id]
    if others:
        raise RunNameError(f"another run is called {name} already ({others[0][:8]})", "Choose another name.")
    folder = workspace.run_folder(name)
    if folder.exists() and workspace.root / row.run_dir != folder:
        raise RunNameError(f"{folder} is the folder of another run", "Choose another name.")
    for warning in naming_warnings(name):
        say(f"warning: {warning}")


def _wanted(workspace: Workspace, row: RunRow, tags: Values, name: str | None) -> dict[str, str | None]:
    if name is None:
        return dict(tags)
    found = {**tags, NAME_TAG: name}
    if (
        row.run_dir
        and not tagged_folder(workspace, row.tags.get("edm.run_dir", ""))
        and metadata_run_id(workspace.root / row.run_dir) == ""
    ):
        # Nothing but the name joined the run with its folder.
        found["edm.run_dir"] = row.run_dir
    return found


def _before(client: "MlflowClient", run_id: str, values: Values) -> dict[str, str | None]:
    run: Any = told("read the run", lambda: client.get_run(run_id))
    found = {key: run.data.tags.get(key) for key in values}
    return {**found, NAME_TAG: run.info.run_name} if NAME_TAG in values else found


def _set(workspace: Workspace, client: "MlflowClient", run_id: str, values: Values) -> None:
    """Set what differs; can be done again."""
    now = _before(client, run_id, values)
    for key, value in values.items():
        if now[key] == value:
            continue
        if key == NAME_TAG:
            with logged_call(workspace, f"update_run({run_id!r}, name={value!r})"):
                told("rename the run", partial(client.update_run, run_id, name=value))
        elif value is None:
            with logged_call(workspace, f"delete_tag({run_id!r}, {key!r})"):
                told(f"delete {key}", partial(client.delete_tag, run_id, key))
        else:
            with logged_call(workspace, f"set_tag({run_id!r}, {key!r}, {value!r})"):
                told(f"set {key}", partial(client.set_tag, run_id, key, value))


def _set_back(workspace: Workspace, entry: Entry) -> None:
    client = mlflow_client(workspace)
    for run_id, values in entry.data["before"].items():
        _set(workspace, client, run_id, values)


def undo_edit(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Names and tags as they were before. Can be run again after a crash."""
    _set_back(workspace, entry)
    return f"name and tags of {entry.target} are as they were"


def recover_edit(workspace: Workspace, entry: Entry) -> str:
    """An edit that died is taken back."""
    _set_back(workspace, entry)
    Journal(workspace).failed(entry.id, "interrupted")
    return f"an edit of {entry.target} had been interrupted; it is as it was"
