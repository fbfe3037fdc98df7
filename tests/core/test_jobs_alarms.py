"""Early warnings, and the progress of scripts that know nothing of ours."""

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.jobs.alarms import Trend, disk_alarm, memory_alarm
from edm_core.jobs.folder import jobs_token, load_job, silence
from edm_core.jobs.local import launch
from edm_core.jobs.mlflow_progress import MlflowProgress, total_steps
from edm_core.jobs.mlflow_status import runs_of_job
from edm_core.settings import LaunchSettings, MetricsSettings, Settings
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_core.workspace import Workspace
from tests.support.jobs import folder, make_workspace, processes_ended, wait_for, wait_until

SCRIPT = """
import sys, time, mlflow
with mlflow.start_run(run_name="toy"):
    mlflow.log_params({"epochs": 4, "lr": 0.1})
    for epoch in range(4):
        mlflow.log_metric("loss", float("nan") if epoch >= int(sys.argv[1]) else 1.0 / (epoch + 1), step=epoch)
        mlflow.log_metric("system/cpu", 50, step=epoch)
        print("epoch", epoch, flush=True)
        time.sleep(float(sys.argv[2]))
"""


def trend(*values: float, primary: str = "val_loss", epochs: int = 3) -> list[str]:
    settings = Settings(metrics=MetricsSettings(primary=primary), launch=LaunchSettings(warn_epochs=epochs))
    made = Trend(settings)
    for epoch, value in enumerate(values, 1):
        made.add(Progress(epoch=epoch, metrics={primary: value}))
        made.add(Progress(epoch=epoch))
    return [alarm.text for alarm in made.alarms()]


def test_a_loss_that_does_not_improve_is_said_by_its_direction() -> None:
    assert trend(5, 4, 4, 4) == []
    assert trend(5, 4, 4, 4, 4) == ["val_loss has not improved for 3 epochs (best at 2)"]
    assert trend(5, 4, 4, 4, 4, epochs=0) == []
    assert trend(1, 2, 3, 4, 5, primary="boundary_f1") == []
    assert trend(9, 2, 3, 4, primary="boundary_f1") == ["boundary_f1 has not improved for 3 epochs (best at 1)"]


@pytest.mark.parametrize(("steps", "total", "said"), [(9, 20, False), (10, 20, True), (99, 1000, False),
                                                      (100, 1000, True), (5000, 0, False)])  # fmt: skip
def test_steps_that_may_be_batches_are_given_a_tenth_of_the_whole(steps: int, total: int, said: bool) -> None:
    made = Trend(Settings())
    for step, loss in ((1, 0.5), (1 + steps, 0.6)):
        made.add(Progress(epoch=step, epochs=total, step=step, metrics={"val_loss": loss}))
    assert bool(made.alarms()) is said


def test_a_metric_that_is_no_number_is_said_until_it_is_one_again() -> None:
    assert trend(1, math.nan, math.inf) == ["val_loss is not finite since epoch 2"]
    assert trend(1, math.nan, 0.5) == []


def test_a_full_disk_and_a_full_memory(tmp_path: Path) -> None:
    assert disk_alarm(tmp_path, 0) is None
    full = disk_alarm(tmp_path, 10**9)
    assert full is not None
    assert full.kind == "disk"
    assert disk_alarm(tmp_path / "gone", 10**9) is None
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "7").mkdir(parents=True)
    (groups / "a" / "b").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   900 kB\nHugePages_Total: 0\n")
    (proc / "7" / "cgroup").write_text("0::/a/b\n")
    assert memory_alarm(7, proc, groups) is None
    (groups / "a" / "b" / "memory.max").write_text("max\n")
    (groups / "a" / "memory.max").write_text("1000\n")
    (groups / "a" / "memory.current").write_text("990\n")
    (groups / "a" / "memory.stat").write_text("anon 1\ninactive_file 10\n")
    near = memory_alarm(7, proc, groups)
    assert near is not None
    assert near.kind == "memory"
    (groups / "a" / "memory.stat").write_text("anon 1\ninactive_file 500\n")
    assert memory_alarm(7, proc, groups) is None


def test_params_tell_how_many_steps_there_will_be() -> None:
    assert total_steps({"max_steps": "100", "epochs": "7"}) == 7
    assert total_steps({"num_epochs": "x", "iterations": "12"}) == 12
    assert total_steps({"lr": "1"}) == 0


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    toml = "[metrics]\nprimary = 'loss'\n[launch]\nstop_on_nan = true\nwarn_disk_gb = 1000000\n"
    made = make_workspace(tmp_path / "ws", toml)
    (made.root / "script.py").write_text(SCRIPT)
    with processes_ended(made):
        yield made


def test_a_foreign_script_has_progress_and_is_stopped_on_nan(workspace: Workspace) -> None:
    """One script for all: MLflow takes seconds to import."""
    started = launch(workspace, [sys.executable, "script.py", "2", "1.5"])
    place = folder(workspace, started.id)
    wait_for(lambda: load_job(place).progress.epoch >= 1, "the first epoch")
    seen = load_job(place)
    assert (seen.progress.epochs, list(seen.progress.metrics), seen.run_name) == (4, ["loss"], "toy")
    assert seen.progress.step == seen.progress.epoch - 1
    assert [alarm.kind for alarm in seen.alarms] == ["disk"]
    ended = wait_until(workspace, started.id, "failed")
    # It may take an epoch to be seen: only the last value of a metric is asked for.
    assert ended.note in {f"stopped: loss is not finite since epoch {epoch}" for epoch in (3, 4)}
    assert list((runs_of_job(workspace.tracking_uri, started.id, "") or {}).values()) == ["FAILED"]
    records = [json.loads(line) for line in place.progress_file.read_text().splitlines()]
    assert {record["from"] for record in records} == {"mlflow"}
    again = MlflowProgress(workspace.tracking_uri, started.id, {})
    assert again.poll()[1][-1]["epoch"] == ended.progress.epoch
    assert again.poll() == ([], [])


def test_silence_is_told_in_steps_not_by_the_clock(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    with processes_ended(workspace):
        started = launch(workspace, ["sleep", "60"])
        place = folder(workspace, started.id)
        wait_for(place.child_file.exists)
        before = jobs_token(workspace.jobs_dir)
        assert silence(place) == 0
        long_ago = place.child_file.stat().st_mtime - 14 * 60 - 1
        os.utime(place.log, (long_ago, long_ago))
        assert silence(place) == 2
        assert jobs_token(workspace.jobs_dir) != before


def test_a_job_says_for_how_long_it_is_silent() -> None:
    job = JobSnapshot("a", "running", "a", (), 0.0, silent_since=1000.0)
    assert job.silent_minutes(1000.0 + 60 * 14.5) == 14
    assert job.silent_minutes(1000.0 + 60 * 9) == 0
    assert JobSnapshot("a", "done", "a", (), 0.0, silent_since=1000.0).silent_minutes(9e9) == 0
