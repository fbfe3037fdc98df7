"""Jobs on a real Slurm of one node: its queue, its words, its ends, and a training that goes on when it is requeued."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.errors import EdmError, JobError
from edm_core.jobs.engine_settings import SlurmSettings
from edm_core.jobs.engines import ENGINES, ask_engines, launch_with, look
from edm_core.jobs.mlflow_status import runs_of_job
from edm_core.jobs.new_folder import JobRequest
from edm_core.jobs.ordering import hold_job, move_job
from edm_core.jobs.profiles import load_profile
from edm_core.jobs.reaper import settle
from edm_core.jobs.slurm import Slurm
from edm_core.jobs.stop import cancel_job, stop_job
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.sweeps.spec import SweepSpec
from edm_core.sweeps.sweeps import load_sweep, start_sweep
from edm_core.workspace import Workspace, find_workspace
from tests.support import slurm as support
from tests.support.jobs import folder, job, make_workspace, processes_ended, wait_for
from tests.support.slurm import Cluster, slurm
from tests.support.tracks import write_track

pytestmark = pytest.mark.skipif(bool(support.missing()), reason=support.missing() or "Slurm is here")

TOML = """
[launch.profiles.cluster]
engine = "slurm"
time = "30"
env = { FROM_PROFILE = "yes" }
resume = ["--go-on"]

[launch.profiles.whole]
engine = "slurm"
cpus = 2
partition = "main"

[launch.profiles.urgent]
engine = "slurm"
cpus = 2
partition = "urgent"

[launch.profiles.ranks]
engine = "slurm"
tasks = 2

[launch.profiles.broken]
engine = "slurm"
setup = "load_a_module_that_is_not_there"
"""
# Plain MLflow, nothing of ours.
FOREIGN = """
import sys, time, mlflow
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="foreign"):
    mlflow.log_metric("val_loss", 0.5)
    print("logged", *sys.argv[1:], flush=True)
    time.sleep(float(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with slurm() as made:
        yield made


@pytest.fixture
def workspace(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    yield make_workspace(tmp_path / "ws", TOML)
    cluster.ask("scancel", "--full", "--signal=KILL", "--user=root")
    cluster.ask("scancel", "--user=root")
    wait_for(lambda: not cluster.ask("squeue", "--noheader").strip(), "an empty queue")


def start(
    workspace: Workspace, *words: str, profile: str = "cluster", hold: bool = False, run: str = ""
) -> JobSnapshot:
    plan = load_profile(workspace.settings.launch, profile)
    return launch_with(workspace, plan, JobRequest(words, env=plan.env, hold=hold, run_name=run))


def wait_state(workspace: Workspace, job_id: str, *states: str) -> JobSnapshot:
    wait_for(lambda: look(workspace, folder(workspace, job_id)).state in states, f"{job_id} to be {states}")
    return job(workspace, job_id)


def log(workspace: Workspace, job_id: str) -> str:
    return folder(workspace, job_id).log.read_text()


def test_a_job_runs_on_the_node_in_its_folder(workspace: Workspace, cluster: Cluster) -> None:
    started = start(workspace, "sh", "-c", "echo $FROM_PROFILE $EDM_JOB_ID; pwd; sleep 0.5; exit 3")
    assert (started.engine, started.there.id.isdigit(), started.state) == ("slurm", True, "queued")
    running = wait_state(workspace, started.id, "running")
    assert running.place in ("", cluster.host)
    ended = wait_state(workspace, started.id, "failed")
    assert (ended.exit_code, ended.note, ended.engine) == (3, "", "slurm")
    assert log(workspace, started.id).splitlines() == [f"yes {started.id}", str(workspace.root)]
    assert json.loads((folder(workspace, started.id).path / "environment.json").read_text())["host"]


def test_waiting_jobs_say_why_and_are_held_moved_and_cancelled(workspace: Workspace) -> None:
    first = start(workspace, "sleep", "60", profile="whole")
    wait_state(workspace, first.id, "running")
    second, third = (start(workspace, "true", profile="whole") for _ in range(2))
    held = start(workspace, "true", hold=True)

    def reasons() -> list[str]:
        ask_engines(workspace)
        return [job(workspace, one.id).there.reason for one in (second, third, held)]

    wait_for(lambda: reasons()[0] == "Resources" and reasons()[1] == "Priority", "Slurm's reasons")
    assert (reasons()[2].startswith("JobHeld"), job(workspace, held.id).held) == (True, True)
    assert "pending (Resources)" in job(workspace, second.id).there.words(0.0)
    hold_job(workspace, folder(workspace, second.id), True)
    assert job(workspace, second.id).held
    hold_job(workspace, folder(workspace, second.id), False)
    move_job(workspace, folder(workspace, third.id), "last")
    with pytest.raises(JobError, match="orders its queue itself"):
        move_job(workspace, folder(workspace, third.id), second.id)
    with pytest.raises(JobError, match="does not wait"):
        hold_job(workspace, folder(workspace, first.id), True)
    assert cancel_job(workspace, third.id).data["jobs"][0]["state"] == "stopped"
    stopped = stop_job(workspace, first.id).data["jobs"][0]
    assert (stopped["state"], stopped["exit_code"]) == ("stopped", 143)
    wait_state(workspace, second.id, "done")
    assert look(workspace, folder(workspace, held.id)).state == "queued"


def test_a_stubborn_command_is_killed_after_the_grace(workspace: Workspace) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    started = start(workspace, sys.executable, "-c", code)
    wait_for(lambda: "ready" in log(workspace, started.id))
    assert stop_job(workspace, started.id, grace=0.2).data["jobs"][0]["state"] == "stopped"


def test_what_slurm_refuses_is_said_and_leaves_nothing(workspace: Workspace) -> None:
    (workspace.root / "edm.toml").write_text('[launch.profiles.moon]\nengine = "slurm"\npartition = "moon"\n')
    with pytest.raises(JobError, match="moon"):
        start(find_workspace(workspace.root), "true", profile="moon")
    assert not [path for path in workspace.jobs_dir.iterdir() if not path.name.startswith(".")]


def test_a_batch_script_that_fails_says_its_last_words(workspace: Workspace) -> None:
    ended = wait_state(workspace, start(workspace, "true", profile="broken").id, "failed")
    assert "load_a_module_that_is_not_there" in ended.note


def test_scancel_by_hand_ends_the_job_and_its_run(workspace: Workspace, cluster: Cluster) -> None:
    (workspace.root / "theirs.py").write_text(FOREIGN)
    started = start(workspace, sys.executable, "theirs.py", "600")
    wait_for(lambda: "logged" in log(workspace, started.id))
    assert list((runs_of_job(workspace.tracking_uri, started.id, "") or {}).values()) == ["RUNNING"]
    cluster.ask("scancel", started.there.id)
    ended = wait_state(workspace, started.id, "stopped")
    assert ended.note == "cancelled in Slurm"
    wait_for(
        lambda: list((runs_of_job(workspace.tracking_uri, started.id, "") or {}).values()) in (["KILLED"], ["FAILED"]),
        "the run to end",
    )
    assert job(workspace, started.id).run_name == "foreign"


@pytest.mark.proof
def test_a_lost_node_starts_the_script_again_with_its_words_to_go_on(workspace: Workspace, cluster: Cluster) -> None:
    (workspace.root / "theirs.py").write_text(FOREIGN)
    started = start(workspace, sys.executable, "theirs.py", "3")
    wait_for(lambda: "logged" in log(workspace, started.id))
    cluster.lose_node()
    waiting = wait_state(workspace, started.id, "queued")
    assert waiting.there.restarts == 1
    cluster.start_now(started.there.id)
    ended = wait_state(workspace, started.id, "done")
    assert "logged 3 --go-on" in log(workspace, started.id)
    assert "restart 1" in log(workspace, started.id)
    statuses = sorted((runs_of_job(workspace.tracking_uri, started.id, "") or {}).values())
    assert statuses[-1] in ("FINISHED", "KILLED")
    assert "RUNNING" not in statuses
    assert "FINISHED" in statuses
    assert ended.exit_code == 0


@pytest.mark.proof
def test_training_that_is_taken_back_goes_on_from_its_last_checkpoint(workspace: Workspace, cluster: Cluster) -> None:
    for number in range(5):
        write_track(workspace.root / "data", number)
    words = ["edm", "train", "data/annotations", "--epochs", "400", "--duration", "4", "--run-name", "taken_back"]
    started = start(workspace, *words, run="taken_back")
    checkpoint = workspace.run_folder("taken_back") / "checkpoints" / "last.pt"
    wait_for(checkpoint.exists, "the first checkpoint")
    cluster.ask("scontrol", "requeue", started.there.id)
    assert wait_state(workspace, started.id, "queued").there.restarts == 1
    cluster.start_now(started.there.id)
    wait_for(lambda: "goes on after epoch" in log(workspace, started.id), "the training to go on")
    assert len(runs_of_job(workspace.tracking_uri, started.id, "") or {}) == 1
    stop_job(workspace, started.id)
    ended = job(workspace, started.id)
    assert (ended.state, ended.run_name) == ("stopped", "taken_back")
    assert list((runs_of_job(workspace.tracking_uri, started.id, "") or {}).values()) == ["KILLED"]


@pytest.mark.proof
def test_several_processes_train_one_model_through_srun(workspace: Workspace) -> None:
    for number in range(5):
        write_track(workspace.root / "data", number)
    words = ["edm", "train", "data/annotations", "--epochs", "2", "--duration", "4", "--device", "cpu"]
    started = start(workspace, *words, "--run-name", "two_ranks", profile="ranks")
    ended = wait_state(workspace, started.id, "done", "failed")
    assert ended.state == "done", log(workspace, started.id)
    assert log(workspace, started.id).count("epoch 2/2") == 1
    assert list((runs_of_job(workspace.tracking_uri, started.id, "") or {}).values()) == ["FINISHED"]


def test_a_job_that_outranks_it_takes_its_place_and_gives_it_back(workspace: Workspace, cluster: Cluster) -> None:
    lower = start(workspace, "sh", "-c", "echo start; sleep 600", profile="whole")
    wait_for(lambda: "start" in log(workspace, lower.id))
    higher = start(workspace, "true", profile="urgent")
    wait_state(workspace, higher.id, "done")
    # It waits again, or has its place back already.
    wait_for(lambda: look(workspace, folder(workspace, lower.id)).there.restarts == 1, "Slurm to start it again")
    assert "takes the job back" in log(workspace, lower.id)
    assert job(workspace, lower.id).active
    assert stop_job(workspace, lower.id).data["jobs"][0]["state"] == "stopped"


def test_slurm_that_is_away_leaves_what_it_said_marked_as_old(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    held = start(workspace, "true", hold=True)
    ask_engines(workspace)
    away = tmp_path / "away.conf"
    away.write_text(re.sub("SlurmctldPort=.*", "SlurmctldPort=1", cluster.conf.read_text()) + "MessageTimeout=2\n")
    monkeypatch.setenv("SLURM_CONF", str(away))
    assert settle(workspace) == ()
    stale = job(workspace, held.id)
    assert (stale.state, stale.there.state, stale.there.error_since is not None) == ("queued", "PENDING", True)
    assert "not known since" in stale.note
    with pytest.raises(JobError):
        stop_job(workspace, held.id)
    assert not folder(workspace, held.id).stop_file.exists()
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    ask_engines(workspace)
    assert job(workspace, held.id).there.error_since is None


def test_a_launcher_that_was_killed_before_or_after_sbatch_makes_one_job(
    workspace: Workspace, cluster: Cluster
) -> None:
    kept = start(workspace, "sh", "-c", "echo once >> count", hold=True)
    place = folder(workspace, kept.id)
    # Killed after sbatch, before the number was noted: the job is found again by its mark.
    place.engine_file.unlink()
    settle(workspace)
    assert job(workspace, kept.id).there.id == kept.there.id
    cluster.ask("scancel", kept.there.id)
    wait_state(workspace, kept.id, "stopped")
    # Killed before sbatch.
    code = (
        "import os, sys; from edm_core.jobs import slurm, engines, new_folder, profiles\n"
        "from edm_core.workspace import find_workspace\n"
        "slurm.submit = lambda *a, **k: os._exit(9)\n"
        "w = find_workspace(); p = profiles.load_profile(w.settings.launch, 'cluster')\n"
        "engines.launch_with(w, p, new_folder.JobRequest(['sh', '-c', 'echo once >> count']))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=workspace.root, check=False).returncode == 9
    [unsent] = [name.name for name in workspace.jobs_dir.iterdir() if name.is_dir() and name.name != kept.id]
    assert job(workspace, unsent).state == "queued"
    assert settle(workspace) == (f"job {unsent} was handed to Slurm",)
    assert settle(workspace) == ()
    wait_state(workspace, unsent, "done")
    assert (workspace.root / "count").read_text() == "once\n"


def test_several_jobs_go_as_one_array(workspace: Workspace, cluster: Cluster) -> None:
    plan = load_profile(workspace.settings.launch, "cluster")
    requests = [JobRequest(["sh", "-c", f"echo task {number}; exit {number}"]) for number in range(3)]
    engine = ENGINES["slurm"]
    assert isinstance(engine, Slurm)
    folders = engine.launch_many(workspace, plan, requests)
    assert len({job(workspace, one.id).there.id.partition("_")[0] for one in folders}) == 1
    # One whose launcher was killed before it noted the number is found again by the array's mark.
    known = job(workspace, folders[1].id).there.id
    folders[1].engine_file.unlink()
    ask_engines(workspace)
    assert job(workspace, folders[1].id).there.id == known
    for number, one in enumerate(folders):
        ended = wait_state(workspace, one.id, "done", "failed")
        assert (ended.exit_code, log(workspace, one.id)) == (number, f"task {number}\n")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"time": 5}, "time must be text"),
        ({"time": "soon"}, "no time limit"),
        ({"memory": "much"}, "no size"),
        ({"gpus": -1}, "gpus must be 0 or more"),
        ({"nodes": 0}, "nodes must be 1 or more"),
        ({"options": ["--output=x"]}, "options cannot have"),
        ({"options": ["x"]}, "options cannot have"),
        ({"partitions": "x"}, "no key 'partitions'"),
        ({"host": "gpu1"}, "no key 'host'"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    workspace: Workspace, table: dict[str, object], message: str
) -> None:
    from edm_core.settings import LaunchSettings

    with pytest.raises(EdmError, match=message):
        load_profile(LaunchSettings(profiles={"far": {"engine": "slurm", **table}}), "far")


def test_all_settings_become_options_of_sbatch() -> None:
    from edm_core.jobs.slurm import _options

    settings = SlurmSettings("gpu", "1:00", 2, 3, 4, 5, "6G", options=("--qos=high",))
    assert _options(settings) == [
        "--requeue", "--nodes=3", "--ntasks-per-node=4", "--partition=gpu", "--time=1:00", "--gpus-per-node=2",
        "--cpus-per-task=5", "--mem=6G", "--qos=high",
    ]  # fmt: skip


@pytest.mark.proof
def test_a_grid_sweep_goes_as_one_array(workspace: Workspace) -> None:
    (workspace.root / "train.py").write_text(
        "import json, os, sys\n"
        "record = {'t': 1, 'epoch': 1, 'epochs': 1, 'metrics': {'val_loss': float(sys.argv[1])}}\n"
        "open(os.environ['EDM_JOB_DIR'] + '/progress.jsonl', 'a').write(json.dumps(record) + chr(10))\n"
    )
    (workspace.root / "edm.toml").write_text(TOML + '[launch.profiles.many]\nengine = "slurm"\narray = 2\n')
    at = find_workspace(workspace.root)
    command = (sys.executable, "train.py", "{x}")
    spec = SweepSpec("grid", {"x": "0.3,0.1,0.2"}, "val_loss", True, 0, "grid", "none", 3, "many", command)
    with processes_ended(at):
        start_sweep(at, spec)
        wait_for(lambda: load_sweep(at, "grid").state not in ("queued", "running"), "the sweep to end")
        done = load_sweep(at, "grid")
        assert done.state == "done", log(at, done.job_id)
        assert {job(at, trial.job_id).there.id.partition("_")[2] for trial in done.trials} == {"0", "1", "2"}
        assert done.best is not None
        assert done.best.params == {"x": "0.1"}


def test_newer_versions_answer_with_objects_and_lists() -> None:
    from edm_core.jobs.slurm_commands import to_job

    def number(value: int) -> dict[str, object]:
        return {"set": True, "infinite": False, "number": value}

    unset = {"set": False, "infinite": False, "number": 0}
    found = to_job({
        "job_id": 7, "job_state": ["CANCELLED", "COMPLETING"], "state_reason": "None", "nodes": "n1",
        "end_time": number(100), "time_limit": {"set": True, "infinite": True, "number": 0}, "restart_cnt": 2,
        "array_job_id": number(5), "array_task_id": number(3), "array_task_string": "", "comment": "edm:x",
        "exit_code": {"status": ["SIGNALED"], "return_code": number(0), "signal": {"id": number(15), "name": "TERM"}},
    })  # fmt: skip
    assert (found.state, found.phase, found.reason, found.ends, found.limit_minutes) == (
        "CANCELLED", "ended", "", 100.0, None,
    )  # fmt: skip
    assert (found.is_job("5_3"), found.is_job("7"), found.exit_code, found.restarts) == (True, True, 143, 2)
    waiting = to_job({"job_id": 9, "job_state": ["PENDING"], "array_job_id": number(9), "array_task_id": unset,
                      "array_task_string": "1-2,4%2", "exit_code": unset})  # fmt: skip
    assert (waiting.is_job("9_4"), waiting.is_job("9_3"), waiting.exit_code, waiting.phase) == (
        True,
        False,
        None,
        "queued",
    )


def test_a_further_start_goes_on_where_the_first_one_was(workspace: Workspace) -> None:
    from edm_core.jobs.slurm_node import resumed

    place = folder(workspace, "20261123-171203-ab12")
    place.path.mkdir(parents=True)
    train = {"command": ["edm", "train", "data/annotations"]}
    assert resumed(train, workspace, place) == train["command"]
    place.progress_file.write_text('{"run_name": "made_up", "epoch": 1}\n')
    assert resumed(train, workspace, place) == train["command"]
    workspace.run_folder("made_up").mkdir(parents=True)
    assert resumed(train, workspace, place)[3:] == ["--run-name", "made_up", "--resume"]
    named = {"command": ["edm", "train", "x", "--run-name=made_up"]}
    assert resumed(named, workspace, place)[4:] == ["--resume"]
    theirs = {"command": ["python", "x.py"], "settings": {"resume": ["--go-on"]}}
    assert resumed(theirs, workspace, place) == ["python", "x.py", "--go-on"]
