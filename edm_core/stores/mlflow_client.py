"""The one way to MLflow's client: short timeouts, its warnings kept off the terminal, experiments made properly."""

import logging
import os
import warnings
from typing import TYPE_CHECKING

from edm_core.errors import StoreError
from edm_core.stores.reachable import check_database_server
from edm_core.stores.redact import without_password
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# With MLflow's own defaults a dead server blocks one call for more than three minutes.
_TIMEOUTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
_QUIET = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    # With a server, MLflow prints the run's address to stdout when a run ends, which would spoil --json.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


SET_HERE: dict[str, str] = {}
"""Variables whose values are not the user's own."""


def quiet_mlflow() -> None:
    """Set what must be set before MLflow is imported; what the user has set stays."""
    for key, value in (_TIMEOUTS | _QUIET).items():
        if key not in os.environ:
            os.environ[key] = SET_HERE[key] = value
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for category in (FutureWarning, DeprecationWarning, UserWarning):
        warnings.filterwarnings("ignore", category=category, module=r"(mlflow|sqlalchemy|alembic|google|pydantic)\b")
    warnings.filterwarnings("ignore", message=".*noload.*")


def mlflow_client(workspace: Workspace) -> "MlflowClient":
    """A client for the workspace's store and registry; `file:` stores are opened as found.

    Raises StoreError when the store cannot be opened.
    """
    quiet_mlflow()
    uri = workspace.tracking_uri
    check_database_server(uri)
    if uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    mlflow.set_tracking_uri(uri)
    try:
        return MlflowClient(tracking_uri=uri)
    except (MlflowException, ModuleNotFoundError) as error:
        raise StoreError(
            without_password(f"{uri} cannot be opened: {error}"), "Check [tracking] uri in edm.toml."
        ) from error


def ensure_experiment(client: "MlflowClient", workspace: Workspace, name: str | None = None) -> str:
    """The id of the experiment, made where it is missing.

    On SQLite it gets an absolute artifact location: MLflow's own default depends on the current folder.
    """
    from mlflow.exceptions import MlflowException

    name = name or workspace.settings.tracking.experiment
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            raise StoreError(
                f"experiment {name!r} is deleted", f"`mlflow experiments restore -x {found.experiment_id}`"
            )
        return str(found.experiment_id)
    local = workspace.tracking_uri.startswith("sqlite:")
    location = (workspace.artifacts_dir / name.replace("/", "_")).as_uri() if local else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        # Another process may have made it between the question and the call.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)
