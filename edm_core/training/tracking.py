"""One run's way to MLflow: the journal first, then MLflow if it is there. Its absence costs training little."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from edm_core.errors import StoreError
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.training.events import EventLog
from edm_core.training.journal import RUNNING, RunJournal
from edm_core.training.replay import RUN_KEY, log_artifacts, log_points, open_run, store_errors, synchronise
from edm_core.training.run_folder import RunFolder
from edm_core.training.stopping import stop_later
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PATIENCE = 20.0
"""After a call that failed, MLflow is left alone for this many times as long as the call took: so that a server
that does not answer never takes more than a twentieth of the time."""
ERROR_TAG = "edm.error"
PROCESS_TAGS = ("edm.pid", "edm.pid_start", "edm.boot_id", "edm.host", "edm.job_id")


class TrackingTarget(Protocol):
    """Where runs are logged: ModelRegistry is one."""

    @property
    def tracking_uri(self) -> str: ...

    @property
    def experiment_name(self) -> str: ...


@dataclass(frozen=True)
class Tracking:
    """A TrackingTarget that asks nothing of the server, so that training starts while it is away."""

    tracking_uri: str
    experiment_name: str


class RunTracker:
    """Writes a run's params, metrics and end to the journal, to TensorBoard and to MLflow."""

    def __init__(
        self,
        folder: RunFolder,
        workspace: Workspace,
        target: TrackingTarget | None,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._journal = RunJournal(folder.logs)
        self._say, self._clock = say, clock
        self._client: MlflowClient | None = None
        self._events: EventLog | None = None
        self._behind = False
        self._retry_at = 0.0
        self._told_through = 0
        self._target = target
        self._workspace = workspace if target is None else _at(workspace, target)

    @property
    def run_id(self) -> str:
        """The MLflow run's id; "" while MLflow has not made it."""
        return str(self._journal.read().get("run_id") or "")

    def begin(self, params: Mapping[str, str], tags: Mapping[str, str], first_epoch: int) -> None:
        """Write down what the run is and open it in MLflow; a resumed run goes on under its id."""
        record = self._journal.read()
        resumed = bool(record)
        if not resumed:
            key = uuid.uuid4().hex
            record = {
                "key": key, "run_id": "", "run_name": self._folder.name, "start_time": _now(), "params": dict(params),
                "tags": {**tags, RUN_KEY: key}, "track": self._target is not None,
                "experiment": self._target.experiment_name if self._target else "",
            }  # fmt: skip
        # The code, data and params of the first start stay: they are what the run was begun with.
        process = {key: value for key, value in tags.items() if key in PROCESS_TAGS}
        record = {**record, "tags": {**record["tags"], **process}}
        self._journal.update(**{**record, "status": RUNNING, "end_time": None, "end_tags": {}, "synced": False})
        self._events = EventLog(self._folder.logs, first_epoch)
        self._told_through = max((step for step, _, _ in self._journal.points()), default=0)
        self._attempt(lambda client: self._open(client, resumed))

    def _open(self, client: "MlflowClient", resumed: bool) -> None:
        run_id = open_run(client, self._workspace, self._folder)
        if not resumed:
            log_artifacts(client, run_id, self._folder)
        else:
            synchronise(client, self._workspace, self._folder)
            tags = self._journal.read()["tags"]
            for key in PROCESS_TAGS:
                if key in tags:
                    client.set_tag(run_id, key, tags[key])
            if ERROR_TAG in client.get_run(run_id).data.tags:
                client.delete_tag(run_id, ERROR_TAG)
            client.update_run(run_id, status=RUNNING)

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch's metrics; on disk before this returns, in MLflow if it answers."""
        now = _now()
        self._journal.add(epoch, now, metrics)
        if self._events is not None:
            self._events.add(epoch, now / 1000, metrics)
        if self._behind:
            self._attempt(lambda client: synchronise(client, self._workspace, self._folder))
        elif epoch > self._told_through:
            self._attempt(lambda client: log_points(client, self.run_id, [(epoch, now, dict(metrics))]))

    def end(self, status: str, error: str = "") -> None:
        """Write the end down and bring MLflow to what the journal says, once more even if it was away."""
        tags = {ERROR_TAG: error[:4000]} if error else {}
        self._journal.update(status=status, end_time=_now(), end_tags=tags)
        if self._events is not None:
            self._events.close()
        self._retry_at = 0.0
        self._attempt(lambda client: synchronise(client, self._workspace, self._folder))
        if self._behind:
            self._say("MLflow did not take everything: `edm doctor --fix` logs the rest from the run folder.")

    def _attempt(self, call: Callable[["MlflowClient"], Any]) -> None:
        if self._target is None or self._clock() < self._retry_at:
            return
        started = self._clock()
        try:
            if self._client is None:
                self._client = mlflow_client(self._workspace)
            with stop_later(), store_errors(self._workspace.tracking_uri):
                call(self._client)
        except StoreError as error:
            if not self._behind:
                self._say(f"warning: {error.message}; training goes on, and what is missing is logged later.")
            self._behind = True
            self._retry_at = self._clock() + PATIENCE * (self._clock() - started)
        else:
            self._behind = False


def _at(workspace: Workspace, target: TrackingTarget) -> Workspace:
    tracking = replace(workspace.settings.tracking, uri=target.tracking_uri, experiment=target.experiment_name)
    return replace(workspace, settings=replace(workspace.settings, tracking=tracking))


def _now() -> int:
    return int(time.time() * 1000)
