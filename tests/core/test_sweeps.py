"""Sweeps with the real Optuna: every trial a job and a child run, stopped, killed and gone on with."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edm_core.cli.main import edm
from edm_core.errors import EdmError, JobError, NotFoundError
from edm_core.jobs.folder import load_jobs
from edm_core.jobs.profiles import load_profile
from edm_core.snapshots.sweeps import SweepSnapshot
from edm_core.sweeps.space import read_space
from edm_core.sweeps.spec import SweepSpec
from edm_core.sweeps.sweeps import load_sweep, load_sweeps, resume_sweep, start_sweep, stop_sweep
from edm_core.workspace import Workspace
from tests.support.jobs import folder, make_workspace, processes_ended, wait_for

# A training that tells its loss as `edm train` does: the worse x is, the larger. `gate` holds it back.
TRAINING = """
import json, os, sys, time
x, name = float(sys.argv[1]), sys.argv[2]
open("ran", "a").write(name + chr(10))
while os.path.exists("gate"): time.sleep(0.02)
with open(os.path.join(os.environ["EDM_JOB_DIR"], "progress.jsonl"), "a") as out:
    for epoch in range(1, 4):
        record = {"t": time.time(), "epoch": epoch, "epochs": 3, "metrics": {"val_loss": x + 1 / epoch}}
        out.write(json.dumps(record) + chr(10))
        out.flush()
        time.sleep(float(os.environ.get("PACE", "0")) if x > 1 else 0)
"""
FOREIGN = """
import sys, mlflow
with mlflow.start_run():
    mlflow.log_param("x", sys.argv[1])
    mlflow.log_metric("val_loss", float(sys.argv[1]), step=1)
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws", "[launch]\nslots = 2\n")
    (made.root / "train.py").write_text(TRAINING)
    monkeypatch.chdir(made.root)
    with processes_ended(made):
        yield made


def spec(**changes: object) -> SweepSpec:
    fields: dict[str, object] = {
        "name": "hunt", "params": {"x": "0.0:1.0"}, "metric": "val_loss", "minimised": True, "trials": 4,
        "sampler": "random", "pruner": "none", "parallel": 2,
        "command": (sys.executable, "train.py", "{x}", "{run_name}"),
    }  # fmt: skip
    return SweepSpec(**{**fields, **changes})  # type: ignore[arg-type]


def ended(workspace: Workspace, name: str = "hunt") -> SweepSnapshot:
    wait_for(lambda: load_sweep(workspace, name).state not in ("queued", "running"), "the sweep to end")
    return load_sweep(workspace, name)


def ran(workspace: Workspace) -> list[str]:
    path = workspace.root / "ran"
    return path.read_text().split() if path.exists() else []


def log(workspace: Workspace, sweep: SweepSnapshot) -> str:
    return folder(workspace, sweep.job_id).log.read_text()


def driver(workspace: Workspace, sweep: SweepSnapshot) -> None:
    """Kill the driver as a lost machine would."""
    child = folder(workspace, sweep.job_id).child()
    assert child is not None
    assert child.send(signal.SIGKILL, group=True)


def test_a_grid_tries_every_combination_once_and_knows_the_best(workspace: Workspace) -> None:
    sweep = start_sweep(workspace, spec(sampler="grid", trials=0, params={"x": "0.3,0.1,0.2"}))
    assert sweep.wanted == 3
    done = ended(workspace)
    assert done.state == "done", log(workspace, done)
    assert sorted(trial.params["x"] for trial in done.trials) == ["0.1", "0.2", "0.3"]
    assert sorted(ran(workspace)) == ["hunt_t000", "hunt_t001", "hunt_t002"]
    assert done.best is not None
    assert (done.best.params, done.best.step) == ({"x": "0.1"}, 3)
    assert done.best.value == pytest.approx(0.1 + 1 / 3)
    assert "best val_loss 0.433" in log(workspace, done)
    with pytest.raises(JobError, match="is there already"):
        start_sweep(workspace, spec())


@pytest.mark.proof
def test_a_killed_driver_loses_nothing_and_no_trial_is_made_twice(workspace: Workspace) -> None:
    gate = workspace.root / "gate"
    gate.touch()
    sweep = start_sweep(workspace, spec())
    wait_for(lambda: len(ran(workspace)) == 2, "two trials to run")
    driver(workspace, sweep)
    assert ended(workspace).state == "failed"
    gate.unlink()
    wait_for(lambda: not any(job.active for job in load_jobs(workspace.jobs_dir)), "the trials to end by themselves")
    resumed = resume_sweep(workspace, "hunt")
    assert resumed.job_id != sweep.job_id
    done = ended(workspace)
    assert done.state == "done", log(workspace, done)
    assert sorted(ran(workspace)) == [f"hunt_t{number:03}" for number in range(4)]
    assert [trial.state for trial in done.trials] == ["done"] * 4
    assert len({trial.params["x"] for trial in done.trials}) == 4
    assert ended(workspace, resume_sweep(workspace, "hunt", trials=5).name).ended == 5


@pytest.mark.proof
def test_a_stopped_sweep_makes_its_cut_trials_again(workspace: Workspace) -> None:
    gate = workspace.root / "gate"
    gate.touch()
    start_sweep(workspace, spec(trials=3))
    wait_for(lambda: len(ran(workspace)) == 2, "two trials to run")
    with pytest.raises(JobError, match="goes on already"):
        resume_sweep(workspace, "hunt")
    outcome = stop_sweep(workspace, "hunt")
    assert "0 of 3" in outcome.detail
    wait_for(lambda: not any(job.active for job in load_jobs(workspace.jobs_dir)), "the trials to be stopped")
    stopped = load_sweep(workspace, "hunt")
    assert (stopped.state, [trial.state for trial in stopped.trials]) == ("stopped", ["dropped", "dropped"])
    cut = {trial.params["x"] for trial in stopped.trials}
    with pytest.raises(JobError, match="does not run"):
        stop_sweep(workspace, "hunt")
    gate.unlink()
    resume_sweep(workspace, "hunt")
    done = ended(workspace)
    assert done.ended == 3, log(workspace, done)
    assert cut < {trial.params["x"] for trial in done.trials if trial.state == "done"}


@pytest.mark.proof
def test_a_trial_that_is_worse_than_the_median_is_pruned(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACE", "20")
    values = ",".join(["0.1", "0.11", "0.12", "0.13", "0.14", "9"])
    start_sweep(workspace, spec(sampler="grid", trials=0, params={"x": values}, pruner="median", parallel=1))
    done = ended(workspace)
    assert [trial.state for trial in done.trials] == ["done"] * 5 + ["pruned"], log(workspace, done)
    assert folder(workspace, done.trials[-1].job_id).stop_file.exists()


@pytest.mark.proof
def test_a_command_that_always_fails_ends_the_sweep_early(workspace: Workspace) -> None:
    sweep = start_sweep(workspace, spec(command=("false", "{x}"), trials=50))
    failed = ended(workspace)
    assert failed.state == "failed"
    assert failed.ended < 10
    assert "something is wrong with all of them" in log(workspace, sweep)


@pytest.mark.proof
def test_the_metric_is_missed_by_name(workspace: Workspace) -> None:
    start_sweep(workspace, spec(command=("true", "{x}"), trials=3, metric="val_los"))
    assert "it logged no val_los" in log(workspace, ended(workspace))


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:.*noload.*")
def test_trials_are_children_of_the_sweep_s_run(workspace: Workspace) -> None:
    from mlflow.tracking import MlflowClient

    (workspace.root / "theirs.py").write_text(FOREIGN)
    start_sweep(workspace, spec(command=(sys.executable, "theirs.py", "{x}"), trials=1, parallel=1))
    done = ended(workspace)
    assert done.state == "done", log(workspace, done)
    client = MlflowClient(tracking_uri=workspace.tracking_uri)
    parent, [trial] = client.get_run(done.parent_run_id), done.trials
    child = client.get_run(trial.run_id)
    assert child.data.tags["mlflow.parentRunId"] == done.parent_run_id
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "hunt")
    assert parent.data.params["sweep.x"] == "0.0:1.0"
    assert parent.data.metrics["best_val_loss"] == trial.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5:1", "must rise"), ("log:0:1", "must rise"), ("log:1:2:1", "must rise"), ("1,1", "twice"), ("1,", "twice"),
        ("log:a:b", "no range"), ("1:2:0", "must rise"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_tried_are_refused(workspace: Workspace, text: str, message: str) -> None:
    with pytest.raises(JobError, match=message):
        start_sweep(workspace, spec(params={"x": text}))
    assert load_sweeps(workspace) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"params": {"y": "1,2"}}, "no field 'y'"),
        ({"params": {}}, "needs values"),
        ({"trials": 0}, "number of trials"),
        ({"sampler": "grid", "params": {"x": "0.1:0.2"}}, "single values"),
        ({"name": "a/b"}, "path separator"),
        ({"fixed": {"x": "1"}}, "both tried and set"),
        ({"profile": "moon"}, "no profile"),
        ({"command": (), "params": {"epochs": "0,1"}}, "at least 1"),
        ({"command": (), "params": {"epochs": "1.5:2"}}, "whole"),
    ],
)  # fmt: skip
def test_sweeps_that_cannot_be_are_refused_before_anything_is_made(
    workspace: Workspace, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(EdmError, match=message):
        start_sweep(workspace, spec(**changes))
    assert load_sweeps(workspace) == ()
    assert load_jobs(workspace.jobs_dir) == ()


def test_values_are_read_as_the_field_s_type(workspace: Workspace) -> None:
    plan = load_profile(workspace.settings.launch)
    lr, epochs, backbone = read_space(plan, {"lr": "log:1e-4:1e-1", "epochs": "10:50:20", "backbone": "cnn"})
    assert (lr.name, lr.kind, lr.log, lr.text(0.00123456789)) == ("learning_rate", "float", True, "0.00123457")
    assert epochs.grid() == ("10", "30", "50")
    assert backbone.choices == ("cnn",)


def test_the_command_line_starts_shows_lists_and_stops(workspace: Workspace) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(edm, ["sweep", *words])
        return result.exit_code, result.stdout

    (workspace.root / "gate").touch()
    code, out = run(
        "--json", "--name", "cli", "--param", "x=0:1", "--trials", "2", "--", sys.executable, "train.py", "{x}", "n"
    )
    assert (code, json.loads(out)["wanted"]) == (0, 2)
    wait_for(lambda: len(ran(workspace)) == 2 and "running" in run("--show", "cli")[1], "the trials to run")
    assert [one["name"] for one in json.loads(run("--json")[1])["sweeps"]] == ["cli"]
    assert json.loads(run("--stop", "cli", "--json")[1])["title"] == "Stopped sweep cli"
    assert run("--show", "cli", "--stop", "cli")[0] == 2
    assert run("--param", "x")[0] == 2
    with pytest.raises(NotFoundError, match="no sweep 'none'"):
        load_sweep(workspace, "none")


def test_nothing_of_optuna_is_imported_to_look(workspace: Workspace) -> None:
    code = (
        "import sys; from edm_core.sweeps import sweeps, spec; import edm_core.cli.sweep\n"
        "print(*(name for name in ('optuna', 'torch', 'mlflow', 'sqlalchemy') if name in sys.modules))"
    )
    assert not subprocess.check_output([sys.executable, "-c", code], text=True).strip()
