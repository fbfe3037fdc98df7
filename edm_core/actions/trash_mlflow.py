"""What MLflow still holds of a discarded run: its record, its artifacts, the models logged from it.

`mlflow gc` is not used: with --run-ids it also deletes, for good, every experiment and logged model that was ever
deleted softly.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from edm_core.actions.run_tags import told
from edm_core.actions.trash import Slot, measure
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True, slots=True)
class Remains:
    """Artifacts of a softly deleted run, and of the models (`m-…`) logged from it; `bytes` counts files here."""

    run_id: str
    artifact_uri: str
    models: tuple[tuple[str, str], ...]
    bytes: int


def remains_of(workspace: Workspace, slot: Slot) -> Remains | None:
    """What can be purged of the slot's run; None when MLflow has no such run, it is active again, a model version
    names it, or the store is a server (which purges its own)."""
    if not workspace.tracking_uri.startswith(("sqlite:", "postgresql", "mysql", "mssql")):
        return None
    client = mlflow_client(workspace)
    run = _run(client, slot.run_id)
    if run is None or run.info.lifecycle_stage != "deleted":
        return None
    if any(version.run_id == slot.run_id for version in list_versions(workspace)):
        return None
    models = told("list logged models", lambda: client.search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{slot.run_id}'"
    ))  # fmt: skip
    places = tuple((str(model.model_id), str(model.artifact_location)) for model in models)
    size = _size(run.info.artifact_uri) + sum(_size(place) for _, place in places)
    return Remains(slot.run_id, str(run.info.artifact_uri), places, size)


def purge_remains(workspace: Workspace, remains: Remains) -> None:
    """Delete them for good. Raises StoreError."""
    client = mlflow_client(workspace)
    # The only way to delete one run and nothing else: MLflow's client has no word for it.
    store: Any = client._tracking_client.store
    for model_id, place in remains.models:
        _delete_artifacts(place)
        told("delete a logged model", partial(client.delete_logged_model, model_id))
        told("delete a logged model", partial(store._hard_delete_logged_model, model_id))
    if _run(client, remains.run_id) is not None:
        _delete_artifacts(remains.artifact_uri)
        told("delete the run", lambda: store._hard_delete_run(remains.run_id))


def _run(client: "MlflowClient", run_id: str) -> Any:
    """The run, or None when MLflow does not know it (it was purged already)."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        told("read the run", lambda: client.get_run(run_id))
        raise


def _local(uri: str) -> Path | None:
    parsed = urlparse(uri)
    if parsed.scheme not in ("", "file"):
        return None
    return Path(unquote(parsed.path))


def _size(uri: str) -> int:
    path = _local(uri)
    return measure(path)[0] if path is not None and path.is_dir() else 0


def _delete_artifacts(uri: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    path = _local(uri)
    if path is None or path.exists():
        told("delete artifacts", lambda: get_artifact_repository(uri).delete_artifacts())
