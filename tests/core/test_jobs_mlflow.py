"""The MLflow status of a run whose trainer was killed, with the real MLflow."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.jobs.local import launch
from edm_core.jobs.mlflow_status import runs_of_job
from edm_core.jobs.reaper import settle
from edm_core.workspace import Workspace
from tests.support.jobs import folder, make_workspace, processes_ended, wait_for, wait_until

# A script of somebody else's: plain MLflow, nothing of ours. It waits until a file says how it shall end.
SCRIPT = """
import os, signal, sys, time, mlflow
with mlflow.start_run(run_name="foreign") as run:
    mlflow.log_metric("val_loss", 0.5)
    print("open", run.info.run_id, flush=True)
    while not os.path.exists("go"):
        time.sleep(0.02)
    if "kill" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws")
    (made.root / "script.py").write_text(SCRIPT)
    with processes_ended(made):
        yield made


def start(workspace: Workspace, *words: str) -> str:
    started = launch(workspace, [sys.executable, "script.py", *words])
    wait_for(lambda: "open" in folder(workspace, started.id).log.read_text())
    return started.id


def status(workspace: Workspace, job_id: str) -> list[str]:
    return list((runs_of_job(workspace.tracking_uri, job_id, "") or {}).values())


def test_a_foreign_script_is_joined_to_its_job_and_settled_however_it_ends(workspace: Workspace) -> None:
    killed = start(workspace, "kill")
    assert status(workspace, killed) == ["RUNNING"]
    (workspace.root / "go").touch()
    ended = wait_until(workspace, killed, "failed")
    assert (ended.exit_code, "SIGKILL" in ended.note) == (137, True)
    assert status(workspace, killed) == ["KILLED"]
    assert (ended.run_name, ended.run_id in folder(workspace, killed).log.read_text()) == ("foreign", True)
    assert ended.run_id


def test_the_run_of_a_lost_job_is_killed_in_mlflow_too(workspace: Workspace) -> None:
    lost = start(workspace)
    supervisor, child = folder(workspace, lost).supervisor(), folder(workspace, lost).child()
    assert supervisor is not None
    assert child is not None
    assert supervisor.send(signal.SIGKILL)
    assert child.send(signal.SIGKILL, group=True)
    wait_for(lambda: not supervisor.alive() and not child.alive())
    assert len(settle(workspace)) == 1
    assert status(workspace, lost) == ["KILLED"]
