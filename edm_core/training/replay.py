"""Telling MLflow what a run folder's journal holds and MLflow does not: nothing is said twice."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.errors import EdmError, StoreError, TrainingError
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.redact import brief_reason, without_password
from edm_core.training.journal import RUNNING, Point, RunJournal
from edm_core.training.run_folder import RunFolder

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from edm_core.workspace import Workspace

RUN_KEY = "edm.run_key"
"""Tag by which a run is found again when the process was killed before it could write down the run's id."""
ARTIFACTS = ("config.yaml", "tracks.json", "environment.json", "uncommitted.patch", "checkpoints/best.pt")
_BATCH = 900


@contextlib.contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """MLflow's errors, and those of its transports, as StoreError."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        where = without_password(uri)
        raise StoreError(
            f"MLflow at {where} cannot be reached: {brief_reason(error)}", "`edm doctor` checks it."
        ) from error


def needs_replay(run_folder: Path) -> bool:
    """Whether the journal of this folder may hold what MLflow does not. Reads two small files."""
    journal = RunJournal(run_folder / "logs")
    try:
        record = journal.read()
    except EdmError:
        return False
    if not record or not record.get("track", True) or record.get("synced", False):
        return False
    if record["status"] != RUNNING or not record["run_id"]:
        return True
    last = max((step for step, _, _ in journal.points()), default=0)
    return last > int(record.get("told_through", 0))


def replay_unlogged(run_folder: Path, tracking_uri: str, experiment: str) -> int:
    """Log what is in the folder's journal and not in MLflow; returns how many points were missing there.

    The run is made where it is missing, and ended with the status that the journal has. Safe to call again.
    Raises StoreError where MLflow cannot be reached.
    """
    from dataclasses import replace

    from edm_core.workspace import find_workspace

    workspace = find_workspace(run_folder)
    tracking = replace(workspace.settings.tracking, uri=tracking_uri, experiment=experiment)
    at_uri = replace(workspace, settings=replace(workspace.settings, tracking=tracking))
    with store_errors(tracking_uri):
        return synchronise(mlflow_client(at_uri), at_uri, RunFolder(run_folder))


def synchronise(client: "MlflowClient", workspace: "Workspace", folder: RunFolder) -> int:
    """Bring MLflow to what the journal says; returns the number of points that were missing."""
    journal = RunJournal(folder.logs)
    if not journal.read():
        return 0
    run_id = open_run(client, workspace, folder)
    points = journal.points()
    missing = missing_points(client, run_id, points)
    log_points(client, run_id, missing)
    record = journal.update(told_through=max((step for step, _, _ in points), default=0))
    if record["status"] != RUNNING:
        log_artifacts(client, run_id, folder)
        for key, value in record.get("end_tags", {}).items():
            client.set_tag(run_id, key, value)
        client.set_terminated(run_id, record["status"], record["end_time"])
        journal.update(synced=True)
    return sum(len(metrics) for _, _, metrics in missing)


def open_run(client: "MlflowClient", workspace: "Workspace", folder: RunFolder) -> str:
    """The id of the folder's MLflow run, which is made where it is missing, with its params and tags."""
    from mlflow.entities import Param

    journal = RunJournal(folder.logs)
    record = journal.read()
    run_id = str(record.get("run_id") or "")
    if not run_id:
        experiment_id = ensure_experiment(client, workspace, record["experiment"])
        run_id = _find_by_key(client, experiment_id, record["key"]) or _create(client, experiment_id, record)
        client.log_batch(run_id, params=[Param(key, value) for key, value in record["params"].items()])
        journal.update(run_id=run_id)
    # A metadata.yaml that was spoilt by hand is no reason to stop a training; run.json knows the id too.
    with contextlib.suppress(TrainingError):
        if folder.read_metadata().get("run_id") != run_id:
            folder.update_metadata(run_id=run_id)
    return run_id


def _find_by_key(client: "MlflowClient", experiment_id: str, key: str) -> str:
    found = client.search_runs([experiment_id], filter_string=f"tags.`{RUN_KEY}` = '{key}'", max_results=1)
    return str(found[0].info.run_id) if found else ""


def _create(client: "MlflowClient", experiment_id: str, record: dict[str, Any]) -> str:
    run = client.create_run(
        experiment_id, start_time=record["start_time"], tags=record["tags"], run_name=record["run_name"]
    )
    return str(run.info.run_id)


def missing_points(client: "MlflowClient", run_id: str, points: Sequence[Point]) -> list[Point]:
    """Those of `points` that MLflow does not have, metric by metric."""
    keys = sorted({key for _, _, metrics in points for key in metrics})
    known = {(key, metric.step) for key in keys for metric in client.get_metric_history(run_id, key)}
    missing = []
    for step, time, metrics in points:
        absent = {key: value for key, value in metrics.items() if (key, step) not in known}
        if absent:
            missing.append((step, time, absent))
    return missing


def log_points(client: "MlflowClient", run_id: str, points: Sequence[Point]) -> None:
    """Log points in as few calls as the limits of `log_batch` allow."""
    from mlflow.entities import Metric

    metrics = [Metric(key, value, time, step) for step, time, own in points for key, value in own.items()]
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])


def log_artifacts(client: "MlflowClient", run_id: str, folder: RunFolder) -> None:
    """Those of ARTIFACTS that the folder has, by their bare names."""
    for name in ARTIFACTS:
        path = folder.path / name
        if path.is_file():
            client.log_artifact(run_id, str(path))
