"""Register a checkpoint file, of whichever run it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.actions.model_package import LogRequest
from edm_core.actions.register import Made, journalled, make_version, tags_of_run
from edm_core.errors import NotFoundError
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def register_file(
    workspace: Workspace,
    path: Path,
    *,
    model_name: str | None = None,
    format: str = "pickle",
    metadata: Mapping[str, Any] | None = None,
) -> Outcome:
    """Make a version from the checkpoint at `path`; of the run in whose folder it lies, where there is one.

    Raises EdmError; nothing is left behind then.
    """
    name = model_name or workspace.settings.registry.model

    def make() -> Made:
        client = mlflow_client(workspace)
        with registry_errors("MLflow's experiments cannot be read"):
            experiment_id = ensure_experiment(client, workspace)
        return make_version_of_file(workspace, client, path, name, metadata or {}, experiment_id, format)

    return journalled(workspace, path.name, name, make)


def make_version_of_file(
    workspace: Workspace,
    client: "MlflowClient",
    path: Path,
    model_name: str | None,
    metadata: Mapping[str, Any],
    experiment_id: str,
    format: str = "pickle",
) -> Made:
    """What `register_file` does, without the journal. A file of no known run is logged to `experiment_id`."""
    if not path.is_file():
        raise NotFoundError(f"{path} is not there", "Give the path of a checkpoint; `edm pull` fetches kept ones.")
    settings = workspace.settings.registry
    run = _run_of(client, path)
    request = LogRequest(
        path,
        run.info.experiment_id if run else experiment_id,
        run.info.run_id if run else "",
        settings.loader,
        workspace.root,
        format,
        metadata,
    )
    tags = tags_of_run(run.info.run_name or "", run.data.tags) if run else {}
    metrics = run.data.metrics if run else {}
    return make_version(client, model_name or settings.model, request, tags, metrics)


def _run_of(client: "MlflowClient", path: Path) -> Any:
    """MLflow's run of the folder that holds checkpoints/FILE; None where there is none."""
    import yaml
    from mlflow.exceptions import MlflowException

    try:
        said = yaml.safe_load((path.parent.parent / "metadata.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None
    run_id = said.get("run_id") if isinstance(said, dict) else None
    if not run_id:
        return None
    with registry_errors(f"run {run_id} cannot be read"):
        try:
            return client.get_run(str(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
