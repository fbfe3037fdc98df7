"""Whatever is killed, and whenever: each job that was launched runs once, and ends as it would have."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from edm_core.jobs.folder import load_jobs
from edm_core.jobs.reaper import settle
from edm_core.workspace import Workspace
from tests.support.jobs import folder, make_workspace, processes_ended, wait_for, wait_until

SAMPLE, ALL = range(4), range(10, 110)
JOBS = 3
# What an interface does: it launches one job after the other and goes on.
INTERFACE = """
import sys, time
from pathlib import Path
from edm_core.workspace import find_workspace
from edm_core.jobs.local import launch
root = Path(sys.argv[1])
for code in range({jobs}):
    launch(find_workspace(root), ["sh", "-c", f"echo $EDM_JOB_ID >> {{root}}/ran; sleep 0.{{code}}; exit {{code}}"])
(root / "launched").touch()
time.sleep(600)
"""


def interface(workspace: Workspace) -> list[str]:
    return [sys.executable, "-c", INTERFACE.format(jobs=JOBS), str(workspace.root)]


def launch_and_kill_the_interface(workspace: Workspace, chance: random.Random) -> None:
    """Start an interface, let some time pass, and take it away in one of three ways."""
    way = chance.choice(["process", "session", "tmux"] if shutil.which("tmux") else ["process", "session"])
    seconds = chance.uniform(0.0, 0.9)
    if way == "tmux":
        tmux = ["tmux", "-L", f"edm-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        subprocess.run([*tmux, "new-session", "-d", *interface(workspace)], check=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "9"], timeout=seconds, check=False)
        subprocess.run([*tmux, "kill-server"], check=True)
        return
    with subprocess.Popen(interface(workspace), start_new_session=True) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if way == "session":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def kill_the_interface(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    workspace = make_workspace(root, f"[launch]\nslots = {chance.randint(1, 2)}\n")
    with processes_ended(workspace):
        launch_and_kill_the_interface(workspace, chance)
        settle(workspace)
        jobs = [job.id for job in reversed(load_jobs(workspace.jobs_dir))]
        codes = [wait_until(workspace, job, "done", "failed").exit_code for job in jobs]
        assert codes == list(range(len(jobs)))
        assert len(jobs) == JOBS or not (workspace.root / "launched").exists()
        assert_each_ran_once(workspace, jobs)


def kill_supervisors_too(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    workspace = make_workspace(root, f"[launch]\nslots = {chance.randint(1, 2)}\n")
    with processes_ended(workspace):
        launch_and_kill_the_interface(workspace, chance)
        for job in load_jobs(workspace.jobs_dir):
            supervisor = folder(workspace, job.id).supervisor()
            if supervisor is not None and chance.random() < 0.7:
                supervisor.send(signal.SIGKILL)
        jobs = [job.id for job in load_jobs(workspace.jobs_dir)]

        def all_ended() -> bool:
            settle(workspace)
            return not any(job.active for job in load_jobs(workspace.jobs_dir))

        wait_for(all_ended)
        assert {job.state for job in load_jobs(workspace.jobs_dir)} <= {"done", "failed", "lost"}
        assert_each_ran_once(workspace, jobs)


def assert_each_ran_once(workspace: Workspace, jobs: list[str]) -> None:
    ran = (workspace.root / "ran").read_text().split() if jobs else []
    assert sorted(ran) == sorted(jobs)


@pytest.mark.parametrize("seed", SAMPLE)
def test_the_interface_is_killed(tmp_path: Path, seed: int) -> None:
    kill_the_interface(tmp_path / "ws", seed)


@pytest.mark.parametrize("seed", SAMPLE)
def test_supervisors_are_killed_too(tmp_path: Path, seed: int) -> None:
    kill_supervisors_too(tmp_path / "ws", seed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", ALL)
def test_the_interface_is_killed_at_a_hundred_moments(tmp_path: Path, seed: int) -> None:
    kill_the_interface(tmp_path / "ws", seed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", ALL)
def test_supervisors_are_killed_at_a_hundred_moments(tmp_path: Path, seed: int) -> None:
    kill_supervisors_too(tmp_path / "ws", seed)
