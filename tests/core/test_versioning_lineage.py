"""`edm runs reproduce`: a worktree with the run's code and data, training again; `edm runs lineage`, there and back."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from edm_core.actions.keep import keep
from edm_core.actions.reproduce import reproduce
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace, find_workspace
from tests.support.jobs import processes_ended, wait_until
from tests.support.versioning import dvc, edm, git, make_run, new_workspace

SCRIPT = """import mlflow, pathlib, sys
mlflow.set_experiment("scripts")
with mlflow.start_run(run_name=sys.argv[sys.argv.index("--run-name") + 1]):
    mlflow.log_param("data", pathlib.Path("data/a.txt").read_text().strip())
    mlflow.log_param("code", "first")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    root = workspace.root
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("old data\n")
    dvc(root, "add", "-q", "data")
    (root / "train.py").write_text(SCRIPT)
    git(root, "add", "data.dvc", "train.py")
    git(root, "commit", "-q", "-m", "A script and its data")
    return workspace


def go_on(workspace: Workspace) -> None:
    """New code and new data, committed."""
    root = workspace.root
    (root / "data" / "a.txt").write_text("new data\n")
    dvc(root, "add", "-q", "data")
    (root / "train.py").write_text(SCRIPT.replace("first", "second"))
    git(root, "commit", "-q", "-am", "Newer")


def tag(workspace: Workspace, run_id: str, **tags: str) -> None:
    client = mlflow_client(workspace)
    for name, value in tags.items():
        client.set_tag(run_id, name.replace("__", "."), value)


def data_hash(workspace: Workspace) -> str:
    text = (workspace.root / "data.dvc").read_text()
    return next(line.split()[-1] for line in text.splitlines() if "md5:" in line)


def test_a_script_trains_again_on_its_old_code_and_data(workspace: Workspace) -> None:
    with processes_ended(workspace):
        made = json.loads(
            edm(
                workspace.root, "jobs", "launch", "--json", "--", sys.executable, "train.py", "--run-name", "base"
            ).stdout
        )
        first = wait_until(workspace, made["jobs"][0]["id"], "done", "failed")
        assert first.state == "done"
        tag(workspace, first.run_id, edm__data_version=data_hash(workspace))
        go_on(workspace)
        document = json.loads(edm(workspace.root, "runs", "reproduce", "base", "--json").stdout)
        assert document["new_run"] == "base_r2"
        job = wait_until(workspace, document["job"], "done", "failed")
    again = find_run(workspace, "base_r2")
    assert again.params == {"data": "old data", "code": "first"}
    assert again.run_id == job.run_id
    assert (workspace.root / "data" / "a.txt").read_text() == "new data\n"
    assert git(workspace.root, "status", "--porcelain") == ""
    assert dvc(workspace.root, "status", "--json") == "{}"


def test_the_runs_own_data_are_brought_when_its_commit_has_others(tmp_path: Path, workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    (run.folder / "config.yaml").write_text("annotations: data/annotations\nepochs: 7\nlearning_rate: 0.01\n")
    old = data_hash(workspace)
    go_on(workspace)
    tag(
        workspace,
        run.run_id,
        edm__data_version=old,
        mlflow__source__git__commit=git(workspace.root, "rev-parse", "HEAD"),
    )
    outcome = reproduce(workspace, find_run(workspace, "cnn"), into=tmp_path / "again", start=False)
    assert outcome.data["command"] == [
        "edm", "train", "data/annotations", "--run-name", "cnn_r2", "--epochs", "7", "--lr", "0.01",
    ]  # fmt: skip
    assert (tmp_path / "again" / "data" / "a.txt").read_text() == "old data\n"
    assert "second" in (tmp_path / "again" / "train.py").read_text()
    assert f"data {old[:8]}, as the run names it" in outcome.detail
    with pytest.raises(ActionError, match="is there already") as error:
        reproduce(workspace, find_run(workspace, "cnn"), into=tmp_path / "again", start=False)
    assert "git worktree remove" in error.value.hint


def test_what_cannot_be_reproduced_says_why_and_leaves_nothing(tmp_path: Path, workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    failed = edm(workspace.root, "runs", "reproduce", "cnn", rc=1)
    assert "names no git commit" in failed.stderr
    tag(workspace, run.run_id, mlflow__source__git__commit="1" * 40)
    failed = edm(workspace.root, "runs", "reproduce", "cnn", rc=1)
    assert "commit 111111111 of run cnn is not in this repository" in failed.stderr
    assert "git fetch --all" in failed.stderr
    tag(workspace, run.run_id, mlflow__source__git__commit=git(workspace.root, "rev-parse", "HEAD"))
    tag(workspace, run.run_id, edm__data_version="2" * 32 + ".dir")
    failed = edm(workspace.root, "runs", "reproduce", "cnn", "--into", str(tmp_path / "again"), rc=1)
    assert "no commit has the data version 22222222" in failed.stderr
    assert not (tmp_path / "again").exists()
    assert len(git(workspace.root, "worktree", "list").splitlines()) == 1


def test_data_that_the_cache_has_lost_come_from_the_remote(tmp_path: Path, workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    tag(workspace, run.run_id, mlflow__source__git__commit=git(workspace.root, "rev-parse", "HEAD"))
    (run.folder / "config.yaml").write_text("annotations: data/annotations\nepochs: 7\n")
    edm(workspace.root, "push")
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    mate = find_workspace(tmp_path / "mate", {})
    make_run(mate, "cnn")
    row = find_run(workspace, "cnn")
    outcome = reproduce(mate, row, start=False)
    assert (Path(outcome.data["worktree"]) / "data" / "a.txt").read_text() == "old data\n"
    assert DvcRepo(mate).default_remote() == DvcRepo(workspace).default_remote()


def test_lineage_from_each_end_to_all_the_others(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    commit = git(workspace.root, "rev-parse", "HEAD")
    tag(workspace, run.run_id, mlflow__source__git__commit=commit, edm__data_version=data_hash(workspace))
    kept = str(keep(workspace, find_run(workspace, "cnn")).data["kept"])
    best = run.folder / "checkpoints" / "best.pt"
    md5 = hashlib.md5(best.read_bytes()).hexdigest()
    make_run(workspace, "other", seed=1)
    client = mlflow_client(workspace)
    client.create_registered_model("EDMModel")
    tags = {
        "edm.run_name": "cnn", "edm.checkpoint_md5": md5, "edm.kept": kept, "edm.data_version": data_hash(workspace),
        "mlflow.source.git.commit": commit,
    }  # fmt: skip
    client.create_model_version("EDMModel", str(run.folder), run.run_id, tags=tags)
    refs = (
        "EDMModel/1",
        "1",
        "v1",
        "cnn",
        run.run_id,
        commit[:9],
        data_hash(workspace)[:8],
        md5[:8],
        kept[:8],
        str(best),
    )
    for ref in refs:
        (link, *others) = json.loads(edm(workspace.root, "runs", "lineage", ref, "--json").stdout)["lineage"]
        assert (link["version"], link["run"], link["commit"]) == ("EDMModel/1", "cnn", commit)
        assert (link["data_version"], link["checkpoint"], link["kept"]) == (data_hash(workspace), md5, kept)
        assert others == []
    (unregistered,) = json.loads(edm(workspace.root, "runs", "lineage", "other", "--json").stdout)["lineage"]
    best = workspace.run_folder("other") / "checkpoints" / "best.pt"
    assert unregistered["version"] == ""
    assert unregistered["checkpoint"] == hashlib.md5(best.read_bytes()).hexdigest()
    assert "is no version, run, commit" in edm(workspace.root, "runs", "lineage", "nothing", rc=1).stderr
