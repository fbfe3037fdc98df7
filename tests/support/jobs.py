"""A workspace for jobs, waiting on conditions, and the end of every process that a test started."""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edm_core.jobs.folder import JobFolder, load_job, load_jobs
from edm_core.jobs.mlflow_status import unsettled_file
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace, find_workspace

PATIENCE = 120.0
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)",
]
"""A command that does not react to SIGTERM."""


def wait_for(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until the condition holds; fail when it does not within PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}"
        time.sleep(0.02)


def state(workspace: Workspace, job_id: str) -> str:
    return job(workspace, job_id).state


def job(workspace: Workspace, job_id: str) -> JobSnapshot:
    return load_job(folder(workspace, job_id))


def folder(workspace: Workspace, job_id: str) -> JobFolder:
    return JobFolder(workspace.jobs_dir / job_id)


def wait_until(workspace: Workspace, job_id: str, *states: str) -> JobSnapshot:
    """Wait until the job is in one of the states, and MLflow knows when it has ended."""
    place = folder(workspace, job_id)
    wait_for(
        lambda: state(workspace, job_id) in states, f"job {job_id} to be {states}, it is {state(workspace, job_id)}"
    )
    wait_for(lambda: place.exit_file.exists() is False or not supervised(place), "the supervisor to leave")
    assert not unsettled_file(place).exists()
    return job(workspace, job_id)


def supervised(place: JobFolder) -> bool:
    supervisor = place.supervisor()
    return supervisor is not None and supervisor.alive()


def make_workspace(root: Path, toml: str = "") -> Workspace:
    root.mkdir(parents=True, exist_ok=True)
    (root / "edm.toml").write_text(toml)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("EDM_", "MLFLOW_"))}
    return find_workspace(root, env)


@contextmanager
def processes_ended(workspace: Workspace) -> Iterator[None]:
    """At the end no supervisor and no command of the workspace's jobs is left."""
    try:
        yield
    finally:
        for known in load_jobs(workspace.jobs_dir):
            place = folder(workspace, known.id)
            supervisor, child = place.supervisor(), place.child()
            if supervisor is not None:
                supervisor.send(signal.SIGKILL)
            if child is not None:
                child.send(signal.SIGKILL, group=True)


def mlflow_store(workspace: Workspace, **runs: str) -> None:
    """A store with the tables and columns that are read here; `runs` maps run ids to the job ids in their tags."""
    with closing(sqlite3.connect(workspace.root / "mlflow.db")) as base:
        base.execute("CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name, status, lifecycle_stage, start_time)")
        base.execute("CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid))")
        for run_id, job_id in runs.items():
            base.execute("INSERT INTO runs VALUES (?, ?, 'RUNNING', 'active', 1)", (run_id, f"name of {run_id}"))
            base.execute("INSERT INTO tags VALUES ('edm.job_id', ?, ?)", (job_id, run_id))
        base.commit()
