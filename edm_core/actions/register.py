"""Register: a run's best checkpoint becomes a version of a registered model."""

import getpass
import hashlib
import json
import math
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.actions.mlflow_call import logged_call
from edm_core.actions.model_package import LogRequest, log_checkpoint
from edm_core.diff.tracks import scores_in
from edm_core.errors import ActionError, EdmError, StoreError
from edm_core.journal import Entry, Journal
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.models import from_mlflow, list_versions
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

METRICS_TAG = "edm.metrics"
TRACKS_TAG = "edm.tracks"
"""The scores of a version's tracks, as JSON."""
_TAG_LENGTH = 5000
_COPIED_TAGS = ("edm.run_dir", "edm.data_version", "edm.git_dirty", "edm.kept", "mlflow.source.git.commit")


@dataclass(frozen=True, slots=True)
class Made:
    """A version that was made, and whether its registered model was made for it."""

    version: ModelVersion
    new_model: bool


def whoami() -> str:
    """The person at work, as `user@host`."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def register(
    workspace: Workspace,
    row: RunRow,
    *,
    model_name: str | None = None,
    checkpoint: str = "checkpoints/best.pt",
    format: str = "pickle",
    metadata: Mapping[str, Any] | None = None,
) -> Outcome:
    """Make a version of `[registry] model` (or `model_name`) from a checkpoint in the run's folder.

    Raises ActionError when there is no such file, StoreError when MLflow refuses; nothing is left behind then.
    """
    path = _checkpoint_of(workspace, row, checkpoint)
    name = model_name or workspace.settings.registry.model
    return journalled(
        workspace, row.name, name, lambda: _register_row(workspace, row, path, name, format, metadata or {})
    )


def journalled(workspace: Workspace, target: str, name: str, make: Callable[[], Made]) -> Outcome:
    """Make a version of `name` from `target` with a journal entry around it, and tell of it."""
    journal = Journal(workspace)
    entry = journal.begin("register", target, model=name)
    try:
        # The whole recipe is longer; this is the call that makes the version.
        with logged_call(workspace, f"create_model_version({name!r}, source=…)  # from {target}"):
            made = make()
    except EdmError as error:
        journal.failed(entry.id, error.message)
        raise
    version = made.version
    journal.done(entry.id, undo={"name": name, "version": version.version, "new_model": made.new_model})
    return Outcome(
        title=f"registered {target} as {name} v{version.version}",
        detail=f"mlflow.pytorch.load_model('models:/{name}/{version.version}')",
        stale=("runs", "models"),
        data={"name": name, "version": version.version, "run_id": version.run_id, "source": version.source},
    )


def _checkpoint_of(workspace: Workspace, row: RunRow, checkpoint: str) -> Path:
    if not row.run_dir:
        raise ActionError(f"{row.name} has no run folder", "Only a run with a folder can be registered.")
    path = workspace.root / row.run_dir / checkpoint
    if not path.is_file():
        raise ActionError(
            f"{row.run_dir}/{checkpoint} is not there",
            f"`edm pull {row.name}` fetches a kept run; a run without a best checkpoint cannot be registered.",
        )
    return path


def _register_row(
    workspace: Workspace, row: RunRow, path: Path, name: str, format: str, metadata: Mapping[str, Any]
) -> Made:
    client = mlflow_client(workspace)
    with registry_errors(f"run {row.name} cannot be read"):
        experiment_id = (
            str(client.get_run(row.run_id).info.experiment_id) if row.run_id else ensure_experiment(client, workspace)
        )
    request = LogRequest(
        path, experiment_id, row.run_id, workspace.settings.registry.loader, workspace.root, format, metadata
    )
    tags = tags_of_run(row.name, row.tags) | {"edm.run_dir": row.run_dir}
    metrics = {key: summary.best for key, summary in row.metrics.items() if summary.best is not None}
    return make_version(client, name, request, tags, metrics)


def tags_of_run(name: str, tags: Mapping[str, str]) -> dict[str, str]:
    """What a version says of its run, so that its lineage survives the run's deletion."""
    return {tag: tags[tag] for tag in _COPIED_TAGS if tags.get(tag)} | {"edm.run_name": name}


def make_version(
    client: "MlflowClient",
    name: str,
    request: LogRequest,
    tags: Mapping[str, str],
    metrics: Mapping[str, float],
) -> Made:
    """Log the checkpoint and make a version of `name` from it.

    `metrics` are the run's best values; what the checkpoint itself says of its epoch wins over them. Raises EdmError;
    neither a logged model nor an empty registered model is left behind then.
    """
    check_model_name(name)
    logged = log_checkpoint(request)
    own = {**metrics, **logged.metrics}
    all_tags = {
        **_as_tags(request.metadata),
        **tags,
        **_tracks_tag(request.path),
        "edm.checkpoint_md5": md5_of(request.path),
        "edm.registered_by": whoami(),
        "edm.format": request.format,
        METRICS_TAG: json.dumps({key: value for key, value in sorted(own.items()) if math.isfinite(value)}),
    }
    made = False
    try:
        with registry_errors(f"{name}: no version could be made"):
            made = _ensure_model(client, name)
            version = client.create_model_version(
                name, source=logged.uri, run_id=request.run_id or None, tags=all_tags, model_id=logged.id
            )
    except StoreError:
        client.delete_logged_model(logged.id)
        if made:
            client.delete_registered_model(name)
        raise
    return Made(from_mlflow(version, ()), made)


def _tracks_tag(checkpoint: Path) -> dict[str, str]:
    """The score of each track, from tracks.json of the run folder; {} without one, or too long for a tag."""
    scores = {track: round(score, 6) for track, score in scores_in(checkpoint.parent.parent).items()}
    text = json.dumps(scores)
    return {TRACKS_TAG: text} if scores and len(text) <= _TAG_LENGTH else {}


def check_model_name(name: str) -> None:
    """Raise ActionError when `name` cannot name a registered model in a `models:/NAME/STAGE` address."""
    if not name.strip() or any(c in "/:@?#" or not c.isprintable() for c in name):
        raise ActionError(f"{name!r} cannot name a model", "Use letters, digits, '_', '-' and '.'.")


def _ensure_model(client: "MlflowClient", name: str) -> bool:
    """Whether the registered model was made now."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS":
            return False
        raise
    return True


def _as_tags(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The caller's metadata as tags that any MLflow client sees."""
    return {
        str(key): value if isinstance(value, str) else json.dumps(value, default=str) for key, value in metadata.items()
    }


def md5_of(path: Path) -> str:
    """The MD5 of a file, which is also its name in DVC's cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def undo_register(workspace: Workspace, entry: Entry) -> Outcome:
    """Delete the version that `entry` made, while it is in no stage and has no alias. It can be run again.

    Raises ActionError when it has moved on since.
    """
    undo = entry.undo or {}
    name, number = str(undo["name"]), int(undo["version"])
    client = mlflow_client(workspace)
    version = next((v for v in list_versions(workspace, name) if v.version == number), None)
    if version is not None and (version.stage != "None" or version.aliases):
        raise ActionError(
            f"{name} {version.label} has been promoted since", f"Demote it first: `edm models demote {name}/{number}`."
        )
    with registry_errors(f"{name} v{number} could not be deleted"):
        if version is not None:
            model_id = client.get_model_version(name, str(number)).model_id
            client.delete_model_version(name, str(number))
            if model_id:
                client.delete_logged_model(model_id)
        if undo.get("new_model"):
            _delete_if_empty(workspace, client, name)
    return Outcome(f"{name} v{number} is no longer registered", stale=("runs", "models"))


def mend_register(workspace: Workspace, entry: Entry) -> str:
    """Clear up after a registration whose process died: a version that it made stays, an empty model goes."""
    name = str(entry.data["model"])
    client = mlflow_client(workspace)
    found = client.search_registered_models(f"name='{name}'", max_results=1)
    if found and found[0].creation_timestamp >= entry.started * 1000:
        _delete_if_empty(workspace, client, name)
    Journal(workspace).failed(entry.id, "interrupted")
    return f"{entry.target}: the interrupted registration is cleared up"


def _delete_if_empty(workspace: Workspace, client: "MlflowClient", name: str) -> None:
    if not list_versions(workspace, name, limit=1) and client.search_registered_models(f"name='{name}'"):
        client.delete_registered_model(name)
