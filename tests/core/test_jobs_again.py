"""Launching runs again: the command of the first time under a name of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edm_core.cli.main import edm
from edm_core.errors import JobError
from edm_core.jobs.again import again, next_name, renamed
from edm_core.jobs.folder import load_jobs
from edm_core.jobs.local import launch
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace
from tests.support.jobs import make_workspace, processes_ended, wait_until

TEMPLATE = """
[launch]
command = "sh -c 'echo $0 $1' {lr} {run_name}"
fields = { lr = { type = "float", default = 0.1, choices = [0.1, 0.01] } }
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws", TEMPLATE)
    monkeypatch.chdir(made.root)
    with processes_ended(made):
        yield made


def test_the_next_name_is_nobodys() -> None:
    assert next_name("cnn", ()) == "cnn_r2"
    assert next_name("cnn_r2", {"cnn_r2", "cnn_r3"}) == "cnn_r4"
    assert len(next_name("x" * 100, ())) <= 100


def test_the_name_is_exchanged_wherever_an_option_gives_it() -> None:
    command = ["edm", "train", "a", "--run-name", "old", "--resume", "--note=old", "--lr=0.1", "older"]
    assert renamed(command, "old", "new") == (
        "edm", "train", "a", "--run-name", "new", "--note=new", "--lr=0.1", "older",
    )  # fmt: skip
    assert renamed(["x", ""], "", "new") == ("x", "")


def test_a_run_with_a_job_is_launched_by_its_command(workspace: Workspace) -> None:
    fields = {"lr": "0.01", "run_name": "first"}
    job = launch(workspace, ["echo", "0.01", "first"], run_name="first", profile="local", fields=fields)
    wait_until(workspace, job.id, "done")
    plan = again(workspace, RunRow("", "first", job=job), {"first"})
    assert (plan.run_name, plan.command) == ("first_r2", ("echo", "0.01", "first_r2"))
    assert plan.fields == {"lr": "0.01", "run_name": "first_r2"}


def test_a_run_without_a_job_is_launched_by_the_template_that_its_params_fit(workspace: Workspace) -> None:
    plan = again(workspace, RunRow("id", "by_hand", params={"lr": "0.01", "other": "1"}), ())
    assert plan.command == ("sh", "-c", "echo $0 $1", "0.01", "by_hand_r2")
    with pytest.raises(JobError, match="not known"):
        again(workspace, RunRow("id", "by_hand", params={"other": "1"}), ())


def test_edms_own_training_is_launched_by_what_the_run_says(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "own")
    plan = again(workspace, RunRow("id", "cnn_a", params={"learning_rate": "0.01", "epochs": "7"}), ())
    assert plan.command == (
        "edm",
        "train",
        "data/annotations",
        "--run-name",
        "cnn_a_r2",
        "--epochs",
        "7",
        "--lr",
        "0.01",
    )
    with pytest.raises(JobError, match="not known"):
        again(workspace, RunRow("id", "alien", params={"width": "3"}), ())


def test_a_batch_is_launched_again_each_under_a_name_of_its_own(workspace: Workspace) -> None:
    def run(*words: str) -> list[str]:
        result = CliRunner().invoke(edm, ["jobs", "launch", *words])
        assert result.exit_code == 0, result.output
        return result.stdout.split()

    for lr in ("0.1", "0.01"):
        job_id = run("--set", f"lr={lr}", "--set", f"run_name=lr_{lr}")[0]
        wait_until(workspace, job_id, "done")
    again_ids = run("--again", "lr_0.1", "--again", "lr_0.01", "--again", "lr_0.1")
    assert [wait_until(workspace, one, "done").run_name for one in again_ids] == [
        "lr_0.1_r2",
        "lr_0.01_r2",
        "lr_0.1_r3",
    ]
    assert [Path(job.folder, "log").read_text() for job in load_jobs(workspace.jobs_dir)][:2] == [
        "0.1 lr_0.1_r3\n", "0.01 lr_0.01_r2\n",
    ]  # fmt: skip
    assert CliRunner().invoke(edm, ["jobs", "launch", "--set", "lr=0.5"]).exit_code != 0
    assert CliRunner().invoke(edm, ["jobs", "launch", "--again", "nobody"]).exit_code != 0
