"""The MLflow run that a sweep's trials are children of."""

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edm_core.files import write_json
from edm_core.snapshots.sweeps import Trial
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.sweeps.spec import SweepSpec
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PARENT_ENV, SWEEP_ENV, TRIAL_ENV = "EDM_PARENT_RUN", "EDM_SWEEP", "EDM_TRIAL"


class ParentRun:
    """Opened once for each sweep, and again when it goes on."""

    def __init__(self, folder: Path, workspace: Workspace, spec: SweepSpec) -> None:
        self._file = folder / "parent.json"
        self._workspace, self._spec = workspace, spec
        self._client: MlflowClient | None = None
        self._best: float | None = None
        self.run_id = ""

    def begin(self) -> None:
        """Open the run, or find it again. Raises StoreError while the store is away."""
        self._client = client = mlflow_client(self._workspace)
        name = self._spec.name
        experiment = ensure_experiment(client, self._workspace)
        found = client.search_runs([experiment], f"tags.`edm.sweep_parent` = '{name}'", max_results=1)
        job_id = os.environ.get("EDM_JOB_ID", "")
        if found:
            self.run_id = str(found[0].info.run_id)
            client.set_tag(self.run_id, "edm.job_id", job_id)
            client.update_run(self.run_id, status="RUNNING")
        else:
            tags = {"mlflow.user": getpass.getuser(), "mlflow.source.name": "edm sweep", "edm.sweep_parent": name,
                    "edm.sweep": name, "edm.job_id": job_id}  # fmt: skip
            self.run_id = str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)
            for key, text in self._spec.params.items():
                client.log_param(self.run_id, f"sweep.{key}", text)
            client.log_param(self.run_id, "sweep.sampler", self._spec.sampler)
        write_json(self._file, {"run_id": self.run_id})

    def environment(self, number: int) -> dict[str, str]:
        """What tells a trial's command whose child its run is."""
        return {PARENT_ENV: self.run_id, SWEEP_ENV: self._spec.name, TRIAL_ENV: str(number)}

    def best(self, trial: Trial | None, step: int) -> None:
        """Log the best value so far, when there is a better one."""
        if trial is None or trial.value is None or trial.value == self._best or self._client is None:
            return
        self._best = trial.value
        self._client.log_metric(self.run_id, f"best_{self._spec.metric}", trial.value, step=step)
        self._client.set_tag(self.run_id, "edm.best_trial", str(trial.number))

    def end(self, status: str) -> None:
        """Close the run."""
        if self._client is not None and self.run_id:
            self._client.set_terminated(self.run_id, status)
