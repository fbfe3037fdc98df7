"""Setting the MLflow status of runs whose trainer died without doing it.

The supervisor stays small: it looks into a SQLite store itself, and only when a run of the job is still open is MLflow
imported, in a process of its own that ends with the work (`python -m edm_core.jobs.mlflow_status`, request on stdin).
"""

import contextlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edm_core.errors import JobError
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.mlflow_watch import read_sqlite

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_TIMEOUT = 120.0
# A run that another job has since resumed carries that job's id and is none of ours.
_OF_JOB = """
SELECT r.run_uuid, r.status FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'edm.job_id'
WHERE t.value = :job AND r.lifecycle_stage = 'active'
UNION
SELECT r.run_uuid, r.status FROM runs r WHERE r.run_uuid = :run AND r.lifecycle_stage = 'active'
AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'edm.job_id')
"""
_OPEN = ("RUNNING", "SCHEDULED")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the runs of a job that are still open shall end: status is MLflow's word, `ended_ms` Unix milliseconds."""

    uri: str
    job_id: str
    run_id: str
    status: str
    ended_ms: int
    error: str = ""


def runs_of_job(uri: str, job_id: str, run_id: str) -> dict[str, str] | None:
    """Run id → status of the runs that a job opened, read from SQLite; None where the store cannot be read that way."""
    rows = read_sqlite(uri, _OF_JOB, {"job": job_id, "run": run_id})
    return None if rows is None else dict(rows)


def settle_runs(folder: JobFolder, verdict: Verdict) -> None:
    """End the job's runs that are still open. While it has not worked the file `unsettled` says so.

    Raises JobError when the store could not be reached; the next `edm jobs list` tries again.
    """
    known = runs_of_job(verdict.uri, verdict.job_id, verdict.run_id)
    if known is not None and not any(status in _OPEN for status in known.values()):
        unsettled_file(folder).unlink(missing_ok=True)
        return
    unsettled_file(folder).write_text(json.dumps(asdict(verdict)), encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edm_core.jobs.mlflow_status"],
            input=json.dumps(asdict(verdict)), capture_output=True, text=True, timeout=_TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise JobError(f"MLflow did not answer within {_TIMEOUT:g} s", "`edm jobs list` tries again.") from error
    if done.returncode:
        raise JobError(f"MLflow status of job {folder.id} not set: {done.stderr.strip()[-500:]}")
    unsettled_file(folder).unlink(missing_ok=True)


def unsettled_file(folder: JobFolder) -> Path:
    """There while MLflow has not been told how the job ended; its modification time is the last try."""
    return folder.path / "unsettled"


def read_unsettled(folder: JobFolder) -> Verdict | None:
    """What MLflow still has to be told; None when it knows."""
    value = folder.read(unsettled_file(folder))
    try:
        return None if value is None else Verdict(**value)
    except TypeError:
        return None


def end_open_runs(verdict: Verdict) -> list[str]:
    """End the job's open runs through MLflow's client (imports MLflow); the ids of those that were ended."""
    from edm_core.stores.mlflow_client import quiet_mlflow

    quiet_mlflow()
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=verdict.uri)
    found = _open_runs(client, verdict)
    for run_id in found:
        if verdict.error:
            client.set_tag(run_id, "edm.error", verdict.error)
        client.set_terminated(run_id, verdict.status, end_time=verdict.ended_ms)
    return found


def _open_runs(client: "MlflowClient", verdict: Verdict) -> list[str]:
    from mlflow.exceptions import MlflowException

    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    query = f"tags.`edm.job_id` = '{verdict.job_id}'"
    found = {run.info.run_id: run for run in client.search_runs(experiments, query, max_results=1000)}
    if verdict.run_id and verdict.run_id not in found:
        with contextlib.suppress(MlflowException):
            run = client.get_run(verdict.run_id)
            if "edm.job_id" not in run.data.tags:
                found[verdict.run_id] = run
    return [run_id for run_id, run in found.items() if run.info.status in _OPEN]


def main() -> None:
    """Read a Verdict as JSON from stdin and carry it out; MLflow's own words reach stderr when it cannot be."""
    from edm_core.stores.mlflow_client import quiet_mlflow

    verdict = Verdict(**json.loads(sys.stdin.read()))
    quiet_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        end_open_runs(verdict)
    except MlflowException as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
