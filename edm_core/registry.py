"""The guide's Python API to MLflow's runs and model registry.

registry = ModelRegistry(experiment_name="edm-training")
version = registry.register_model(
    model_path="outputs/training/mert95m/checkpoints/best.pt", model_name="EDMModel", metadata={"tracks": 50}
)
registry.promote(version.version, "Production")
network = registry.load_model("Production")
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.errors import NotFoundError, WorkspaceError
from edm_core.settings import load_settings
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.models import list_versions
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.tracking import MlflowClient
    from torch import nn


class ModelRegistry:
    """Runs of one experiment and the registered models beside them.

    The experiment is made where it is missing. In a workspace, its store is used; elsewhere the one that MLflow
    itself would take in the current folder; `tracking_uri` wins over both. Raises StoreError when the store cannot
    be opened.
    """

    def __init__(self, experiment_name: str = "edm-training", tracking_uri: str | None = None) -> None:
        self.experiment_name = experiment_name
        self.workspace = _workspace(experiment_name, tracking_uri)
        self.client: MlflowClient = mlflow_client(self.workspace)
        with registry_errors(f"experiment {experiment_name!r} cannot be opened"):
            self.experiment_id = ensure_experiment(self.client, self.workspace)

    @property
    def tracking_uri(self) -> str:
        return self.workspace.tracking_uri

    def register_model(
        self, model_path: str | Path, model_name: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> ModelVersion:
        """Make a version of `model_name` (default: `[registry] model`) from a checkpoint that `edm train` wrote, or
        one that `[registry] loader` understands.

        It belongs to the run in whose folder the file lies, where there is one. `metadata` goes into the model's own
        metadata and, as text, into the version's tags. Raises EdmError; nothing is left behind then.
        """
        from edm_core.actions.register_file import make_version_of_file

        made = make_version_of_file(
            self.workspace, self.client, Path(model_path).resolve(), model_name, metadata or {}, self.experiment_id
        )
        return made.version

    def runs(self, filter_string: str = "", max_results: int = 1000) -> "pd.DataFrame":
        """The experiment's runs, newest first: columns run_id, status, start_time, params.*, metrics.*, tags.*."""
        import mlflow

        return mlflow.search_runs(  # type: ignore[no-any-return]
            experiment_ids=[self.experiment_id],
            filter_string=filter_string,
            max_results=max_results,
            order_by=["attributes.start_time DESC"],
        )

    def versions(self, model_name: str | None = None) -> tuple[ModelVersion, ...]:
        """The versions of `model_name` (default: `[registry] model`), newest first."""
        return list_versions(self.workspace, model_name or self.workspace.settings.registry.model)

    def load_model(self, stage_or_version: str | int = "Production", model_name: str | None = None) -> "nn.Module":
        """The torch module of a stage, a version, or an alias written `@alias`.

        Loading runs the code that the version carries. Raises NotFoundError when nothing answers to that name.
        """
        import mlflow.pytorch
        from mlflow.exceptions import MlflowException

        name = model_name or self.workspace.settings.registry.model
        word = str(stage_or_version)
        uri = f"models:/{name}{word}" if word.startswith("@") else f"models:/{name}/{word}"
        try:
            return mlflow.pytorch.load_model(uri)  # type: ignore[no-any-return]
        except MlflowException as error:
            raise NotFoundError(f"{uri} cannot be loaded: {error.message}", "`edm models list` shows all.") from error

    def promote(
        self, version: int | str, stage: str = "Production", model_name: str | None = None, reason: str = ""
    ) -> Outcome:
        """Move a version to a stage, with the gates of edm.toml; a reason overrides those that fail."""
        from edm_core.actions.promote import promote

        return promote(
            self.workspace, model_name or self.workspace.settings.registry.model, int(version), stage, reason=reason
        )


def _workspace(experiment_name: str, tracking_uri: str | None) -> Workspace:
    try:
        workspace = find_workspace()
    except WorkspaceError:
        here = Path.cwd()
        workspace = Workspace(here, load_settings(here, os.environ))
    tracking = replace(workspace.settings.tracking, experiment=experiment_name)
    if tracking_uri:
        tracking = replace(tracking, uri=tracking_uri)
    return replace(workspace, settings=replace(workspace.settings, tracking=tracking))
