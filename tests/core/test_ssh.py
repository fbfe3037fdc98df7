"""Jobs on another host, through a real sshd on loopback: started there, copied here, taken up again after a drop."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.errors import JobError, SettingsError
from edm_core.jobs.engines import ask_engines, launch_with
from edm_core.jobs.identity import identify
from edm_core.jobs.mlflow_status import runs_of_job
from edm_core.jobs.new_folder import JobRequest
from edm_core.jobs.ordering import hold_job
from edm_core.jobs.profiles import Profile, load_profile
from edm_core.jobs.ssh import hand_over
from edm_core.jobs.ssh_stream import KEPT_BYTES, SKIP_BYTES
from edm_core.jobs.stop import stop_job
from edm_core.settings import LaunchSettings
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.sweeps.spec import SweepSpec
from edm_core.sweeps.sweeps import load_sweep, start_sweep, stop_sweep
from edm_core.workspace import Workspace
from tests.support import sshd as support
from tests.support.jobs import folder, job, make_workspace, processes_ended, state, wait_for
from tests.support.sshd import HOST, Sshd, sshd

pytestmark = pytest.mark.skipif(bool(support.missing()), reason=support.missing() or "sshd is here")

FOREIGN = """
import mlflow
with mlflow.start_run(run_name="foreign"):
    mlflow.log_metric("val_loss", 0.5)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with sshd() as made:
        yield made


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "there")
    with processes_ended(made):
        yield made


@pytest.fixture
def here(tmp_path: Path, server: Sshd, there: Workspace) -> Iterator[Workspace]:
    edm = Path(sys.executable).with_name("edm")
    made = make_workspace(
        tmp_path / "here",
        f'[launch.profiles.far]\nengine = "ssh"\nhost = "{HOST}"\nworkspace = "{there.root}"\nedm = "{edm}"\n'
        f'config = "{server.config}"\nenv = {{ FROM_PROFILE = "yes" }}\n',
    )
    yield made
    for pid in mirrors(made):
        os.kill(pid, signal.SIGKILL)


def mirrors(workspace: Workspace) -> list[int]:
    """The processes that copy jobs of this workspace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if "edm_core.jobs.ssh_mirror" in words and any(str(workspace.jobs_dir) in word for word in words):
                found.append(int(entry.name))
    return found


def profile(workspace: Workspace) -> Profile:
    return load_profile(workspace.settings.launch, "far")


def start(workspace: Workspace, *words: str, hold: bool = False, run: str = "") -> JobSnapshot:
    plan = profile(workspace)
    return launch_with(workspace, plan, JobRequest(words, env=plan.env, hold=hold, run_name=run))


def wait_state(workspace: Workspace, job_id: str, *states: str) -> JobSnapshot:
    wait_for(lambda: state(workspace, job_id) in states, f"{job_id} to be {states}, not {state(workspace, job_id)}")
    return job(workspace, job_id)


def log(workspace: Workspace, job_id: str) -> str:
    return folder(workspace, job_id).log.read_text()


def test_a_job_runs_there_and_its_folder_is_here(here: Workspace, there: Workspace) -> None:
    started = start(here, "sh", "-c", "pwd; echo $FROM_PROFILE; exit 4")
    assert (started.engine, started.there.place, started.state in ("queued", "running")) == ("ssh", HOST, True)
    ended = wait_state(here, started.id, "failed")
    assert (ended.exit_code, ended.engine, ended.place) == (4, "ssh", HOST)
    assert log(here, started.id).splitlines() == [str(there.root), "yes"]
    assert (folder(here, started.id).path / "environment.json").exists()
    wait_for(lambda: not mirrors(here), "the mirror to leave")


@pytest.mark.proof
def test_a_foreign_script_is_joined_to_its_job_there(here: Workspace, there: Workspace) -> None:
    (there.root / "theirs.py").write_text(FOREIGN)
    ended = wait_state(here, start(here, sys.executable, "theirs.py").id, "done")
    assert list(runs_of_job(there.tracking_uri, ended.id, "") or {}) == [ended.run_id]
    assert ended.run_name == "foreign"


def test_a_line_that_drops_is_taken_up_again_and_nothing_is_missing(
    here: Workspace, there: Workspace, server: Sshd
) -> None:
    started = start(
        here, sys.executable, "-c", "import time\nfor i in range(120): print('line', i, flush=True); time.sleep(0.02)"
    )
    wait_for(lambda: "line 20" in log(here, started.id))
    assert server.drop() > 0
    wait_for(lambda: job(here, started.id).there.error_since is not None, "the drop to be seen")
    assert state(here, started.id) == "running"
    [pid] = mirrors(here)
    wait_for(lambda: "line 80" in log(here, started.id), "the line to be taken up again")
    assert job(here, started.id).there.error_since is None
    # And so is a mirror that was killed, as by a restart of this machine.
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not identify(pid).start)
    ask_engines(here)
    wait_state(here, started.id, "done")
    assert log(here, started.id).splitlines() == [f"line {number}" for number in range(120)]


def test_a_dead_host_is_said_in_seconds_and_what_was_known_stays(
    here: Workspace, there: Workspace, server: Sshd
) -> None:
    started = start(here, "sleep", "600")
    wait_state(here, started.id, "running")
    server.die()
    began = time.monotonic()
    try:
        with pytest.raises(JobError, match=f"{HOST} cannot be reached"):
            start(here, "true")
        with pytest.raises(JobError, match="cannot be reached"):
            stop_job(here, started.id)
        assert time.monotonic() - began < 30
        wait_for(lambda: job(here, started.id).there.error_since is not None, "the drop to be seen")
        stale = job(here, started.id)
        assert (stale.state, "not known since" in stale.note) == ("running", True)
        assert not folder(here, started.id).stop_file.exists()
        assert [path.name for path in here.jobs_dir.iterdir() if not path.name.startswith(".")] == [started.id]
    finally:
        server.start()
    stopped = stop_job(here, started.id).data["jobs"][0]
    assert (stopped["state"], stopped["exit_code"], state(there, started.id)) == ("stopped", 143, "stopped")


def test_a_waiting_job_is_held_and_cancelled_there(here: Workspace, there: Workspace) -> None:
    held = start(here, "true", hold=True)
    wait_for(lambda: job(here, held.id).held, "the hold to be known here")
    hold_job(here, folder(here, held.id), False)
    wait_state(here, held.id, "done")
    other = start(here, "true", hold=True)
    assert stop_job(here, other.id).data["jobs"][0]["state"] == "stopped"
    assert state(there, other.id) == "stopped"


def test_handing_over_twice_starts_it_once(here: Workspace, there: Workspace) -> None:
    started = start(here, "sh", "-c", "echo once >> count")
    hand_over(here, folder(here, started.id))
    wait_state(here, started.id, "done")
    hand_over(here, folder(here, started.id))
    assert (there.root / "count").read_text() == "once\n"


def test_what_the_host_refuses_is_said_and_leaves_nothing(here: Workspace, there: Workspace) -> None:
    gate = "while [ ! -e gate ]; do sleep 0.05; done"
    first = start(here, "sh", "-c", gate, run="same")
    # The copy here is not asked: the host has the job.
    folder(here, first.id).path.rename(here.root / "elsewhere")
    with pytest.raises(JobError, match="already makes run 'same'"):
        start(here, "true", run="same")
    # The first one's mirror may write to its old place meanwhile.
    assert {path.name for path in here.jobs_dir.iterdir() if not path.name.startswith(".")} <= {first.id}
    (there.root / "gate").touch()
    plan = profile(here)
    for change, words in (({"workspace": "/nowhere/at/all"}, "nowhere"), ({"edm": "no-such-edm"}, "no-such-edm")):
        assert plan.settings is not None
        wrong = replace(plan, settings=replace(plan.settings, **change))  # type: ignore[arg-type]
        with pytest.raises(JobError, match=words):
            launch_with(here, wrong, JobRequest(["true"]))


def test_of_a_log_that_is_far_ahead_the_end_comes(here: Workspace) -> None:
    size = SKIP_BYTES + (8 << 20)
    code = f"import sys; sys.stdout.write(('x' * 99 + chr(10)) * {size // 100}); print('the end')"
    started = start(here, sys.executable, "-c", code)
    wait_state(here, started.id, "done")
    place = folder(here, started.id).log
    assert place.read_bytes().endswith(b"the end\n")
    if b"\0" in place.read_bytes():
        assert place.stat().st_blocks * 512 < size - KEPT_BYTES


@pytest.mark.parametrize(
    ("table", "message"),
    [({}, "host must name a host"), ({"host": "-oProxyCommand=x"}, "host must name"), ({"host": 3}, "must be text"),
     ({"host": "a", "edm": ""}, "edm must name"), ({"host": "a", "partition": "b"}, "no key 'partition'")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name(table: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_profile(LaunchSettings(profiles={"far": {"engine": "ssh", **table}}), "far")


def in_git(workspace: Workspace, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=workspace.root, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_clone_that_stands_at_another_commit_is_refused_in_words(here: Workspace, there: Workspace) -> None:
    (here.root / ".gitignore").write_text("/.edm/\n")
    in_git(here, "init", "-q")
    in_git(here, "add", "-A")
    in_git(here, "commit", "-q", "-m", "one")
    # A project of its own, and a folder without git: neither is compared.
    wait_state(here, start(here, "true").id, "done")
    in_git(there, "init", "-q")
    in_git(there, "commit", "-q", "--allow-empty", "-m", "another project")
    wait_state(here, start(here, "true").id, "done")
    shutil.rmtree(there.root / ".git")
    in_git(there, "clone", "-q", "--bare", str(here.root), ".git")
    in_git(there, "config", "core.bare", "false")
    in_git(here, "commit", "-q", "--allow-empty", "-m", "two")
    before = set(here.jobs_dir.iterdir())
    two = in_git(here, "rev-parse", "HEAD")[:9]
    with pytest.raises(JobError, match=f"has not the commit {two}"):
        start(here, "true")
    in_git(there, "fetch", "-q", str(here.root), "HEAD")
    with pytest.raises(JobError, match=f"the job is launched from {two}"):
        start(here, "true")
    assert set(here.jobs_dir.iterdir()) == before
    in_git(there, "reset", "-q", "FETCH_HEAD")
    wait_state(here, start(here, "true").id, "done")


def test_a_sweep_runs_there_and_goes_on_after_a_drop(here: Workspace, there: Workspace, server: Sshd) -> None:
    (there.root / "train.py").write_text(
        "import json, os, sys, time\n"
        "x = float(sys.argv[1])\n"
        "time.sleep(1)\n"
        "with open(os.path.join(os.environ['EDM_JOB_DIR'], 'progress.jsonl'), 'a') as out:\n"
        "    for epoch in (1, 2):\n"
        "        record = {'t': time.time(), 'epoch': epoch, 'epochs': 2, 'metrics': {'val_loss': x + 1 / epoch}}\n"
        "        out.write(json.dumps(record) + chr(10))\n"
    )
    command = (sys.executable, "train.py", "{x}", "{run_name}")
    spec = SweepSpec(
        "far", {"x": "0.3,0.1,0.2"}, "val_loss", True, 3, "grid", "none", 2, "far", command, {}, str(here.root)
    )
    with processes_ended(here):
        sweep = start_sweep(here, spec)
        wait_for(lambda: any(trial.job_id for trial in load_sweep(here, "far").trials), "a trial")
        server.drop()
        wait_for(lambda: load_sweep(here, "far").state not in ("queued", "running"), "the sweep to end")
        done = load_sweep(here, "far")
        assert done.state == "done", log(here, sweep.job_id)
        assert sorted((trial.params["x"], trial.state) for trial in done.trials) == [
            ("0.1", "done"), ("0.2", "done"), ("0.3", "done"),
        ]  # fmt: skip
        assert done.best is not None
        assert done.best.params == {"x": "0.1"}
        assert done.best.value == pytest.approx(0.6)
        assert all(job(here, trial.job_id).engine == "ssh" for trial in done.trials)
        # Stopped from here, what runs there stops too.
        (there.root / "train.py").write_text("import time\ntime.sleep(600)\n")
        start_sweep(here, replace(spec, name="stopped"))
        wait_for(lambda: any(state(here, one.job_id) == "running" for one in load_sweep(here, "stopped").trials))
        trials = [trial.job_id for trial in load_sweep(here, "stopped").trials]
        stop_sweep(here, "stopped")
        for trial in trials:
            wait_state(here, trial, "stopped")
            wait_state(there, trial, "stopped")
