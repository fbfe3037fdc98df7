"""The interface itself is killed, its terminal closed, its tmux server killed, while it launches and while a job runs.

Every job ends as it would have, none twice, none lost, and MLflow says so of each.
"""

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from edm_core.jobs.folder import load_jobs
from edm_core.jobs.reaper import settle
from edm_core.workspace import Workspace
from tests.support.jobs import make_workspace, processes_ended, wait_for, wait_until
from tests.support.tui_terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

WAYS = ("kill_process", "close", "kill_server")
SAMPLE, ALL = range(3), range(10, 110)
# Ends in one of four ways: well, with an error that MLflow sees, with one that it does not see, and by being killed.
SCRIPT = """
import os, signal, sys, time
end = sys.argv[1]
with open("ran", "a") as file:
    file.write(os.environ["EDM_JOB_ID"] + "\\n")
import mlflow
with mlflow.start_run(run_name=sys.argv[2]):
    mlflow.log_metric("val_loss", 0.5, step=1)
    time.sleep(0.5)
    if end == "raise":
        raise SystemExit(3)
    if end == "exit":
        os._exit(4)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""
TOML = """
[launch]
command = "{python} script.py {{end}} {{run_name}}"
fields = {{ end = {{ choices = ["done", "raise", "exit", "kill"] }} }}
"""
ENDINGS = {
    "done": ("done", 0, "FINISHED"), "raise": ("failed", 3, "FAILED"), "exit": ("failed", 4, "FAILED"),
    "kill": ("failed", 137, "KILLED"),
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without runs: making one takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    code = f"import mlflow; mlflow.set_tracking_uri('sqlite:///{path}'); mlflow.set_experiment('edm-training')"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=path.parent)
    return path


def kill_the_interface(root: Path, store: Path, seed: int) -> None:
    chance = random.Random(seed)
    way, end = WAYS[seed % len(WAYS)], chance.choice(list(ENDINGS))
    workspace = make_workspace(root, TOML.format(python=sys.executable))
    shutil.copy(store, root / "mlflow.db")
    (root / "script.py").write_text(SCRIPT)
    with processes_ended(workspace):
        terminal = Terminal(root)
        try:
            launched = launch_and_kill(terminal, way, end, chance)
        finally:
            terminal.kill_server()
        assert_it_ran_once(workspace, end, launched)


def launch_and_kill(terminal: Terminal, way: str, end: str, chance: random.Random) -> bool:
    """Fill in the form by keys and press Enter, and take the interface away at any moment from just before that until
    the job has ended; whether the interface had said that the job is launched."""
    terminal.wait_for("n new")
    terminal.keys("n")
    terminal.wait_for("New training")
    terminal.type("my_run")
    terminal.keys("Tab", *["Right"] * list(ENDINGS).index(end))
    terminal.wait_for(f"script.py {end} my_run")
    moment = chance.choice([chance.uniform(0.0, 1.5), chance.uniform(1.5, 6.0)])
    terminal.keys("Enter")
    time.sleep(moment)
    launched = "Launched job" in terminal.text()
    getattr(terminal, way)()
    wait_for(terminal.gone, "the interface to be gone")
    return launched


def assert_it_ran_once(workspace: Workspace, end: str, launched: bool) -> None:
    # What was asked for may still be on its way: the launcher outlives the interface.
    time.sleep(1.5)
    settle(workspace)
    jobs = load_jobs(workspace.jobs_dir)
    assert len(jobs) == 1 or (not jobs and not launched)
    for job in jobs:
        state, code, status = ENDINGS[end]
        ended = wait_until(workspace, job.id, "done", "failed", "stopped", "lost")
        assert (ended.state, ended.exit_code) == (state, code)
        assert (workspace.root / "ran").read_text().split() == [job.id]
        assert statuses(workspace) == [(job.id, status)]


def statuses(workspace: Workspace) -> list[tuple[str, str]]:
    """Job id and status of every run in the store."""
    with closing(sqlite3.connect(workspace.root / "mlflow.db")) as base:
        return base.execute(
            "SELECT t.value, r.status FROM runs r LEFT JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'edm.job_id'"
        ).fetchall()


@pytest.mark.parametrize("seed", SAMPLE)
def test_the_interface_goes_away_and_the_job_goes_on(tmp_path: Path, store: Path, seed: int) -> None:
    kill_the_interface(tmp_path / "ws", store, seed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", ALL)
def test_the_interface_goes_away_at_a_hundred_moments(tmp_path: Path, store: Path, seed: int) -> None:
    kill_the_interface(tmp_path / "ws", store, seed)
