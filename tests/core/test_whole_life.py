"""The whole life of a run by command line, as its user would: train, keep, push, a teammate pulls, register,
promote, discard, undo; git, DVC, MLflow and TensorBoard agree with what `edm` says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edm_core.data.arrange import tracks
from edm_core.data.make import write_tracks

EDM = (sys.executable, "-m", "edm_core.cli.main")
DVC = (sys.executable, "-m", "dvc")


def run(cwd: Path, *argv: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}, timeout=240
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}\n{done.stderr}"
    return done.stdout


def edm(cwd: Path, *argv: str) -> Any:
    return json.loads(run(cwd, *EDM, *argv, "--json"))


def rows(cwd: Path) -> dict[str, Any]:
    return {row["name"]: row for row in edm(cwd, "runs", "list")["runs"]}


@pytest.fixture
def workspace(git_repo: Path, tmp_path: Path) -> Path:
    """A workspace with five tracks, a DVC remote and a git remote."""
    run(git_repo, *EDM, "init")
    write_tracks(git_repo / "data", tracks()[:5])
    (tmp_path / "remote").mkdir()
    run(git_repo, *DVC, "remote", "add", "-d", "nas", str(tmp_path / "remote"))
    run(git_repo, *DVC, "add", "data")
    run(tmp_path, "git", "init", "-q", "--bare", "-b", "main", "origin.git")
    run(git_repo, "git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    run(git_repo, "git", "add", "-A")
    run(git_repo, "git", "commit", "-q", "-m", "Make it a workspace")
    run(git_repo, *DVC, "push", "data.dvc")
    run(git_repo, "git", "push", "-q", "-u", "origin", "main")
    return git_repo


def train(cwd: Path, name: str, rate: str) -> None:
    run(
        cwd, *EDM, "train", "data/annotations", "--run-name", name, "--epochs", "2", "--lr", rate,
        "--duration", "16", "--threads", "1", "--hypothesis", f"a rate of {rate} suits",
    )  # fmt: skip


@pytest.mark.timeout(600)
def test_the_whole_life_of_a_run(workspace: Path, tmp_path: Path) -> None:
    train(workspace, "cnn_slow", "0.0003")
    train(workspace, "cnn_quick", "0.003")
    listed = rows(workspace)
    assert [listed[name]["status"] for name in ("cnn_slow", "cnn_quick")] == ["FINISHED", "FINISHED"]
    assert {row["data_state"] for row in listed.values()} == {"untracked"}
    folder = workspace / "outputs" / "training" / "cnn_quick"
    assert {"checkpoints", "logs", "config.yaml", "metadata.yaml"} <= {path.name for path in folder.iterdir()}
    assert list((folder / "logs").glob("**/events.out.tfevents.*"))

    (workspace / "staged.txt").write_text("mine, staged, not to be committed\n")
    run(workspace, "git", "add", "staged.txt")
    edm(workspace, "keep", "cnn_quick")
    touched = run(workspace, "git", "show", "--name-only", "--format=", "HEAD").split()
    assert sorted(touched) == ["outputs/training/.gitignore", "outputs/training/cnn_quick.dvc"]
    assert run(workspace, "git", "status", "--porcelain").split() == ["A", "staged.txt"]
    assert rows(workspace)["cnn_quick"]["data_state"] == "kept"

    edm(workspace, "push", "cnn_quick")
    assert rows(workspace)["cnn_quick"]["data_state"] == "pushed"
    assert json.loads(run(workspace, *DVC, "status", "-c", "--json")) == {}
    assert run(workspace, "git", "rev-parse", "HEAD") == run(workspace, "git", "rev-parse", "origin/main")

    teammate = pulled_clone(tmp_path)
    assert_loads(teammate / "outputs" / "training" / "cnn_quick" / "checkpoints" / "best.pt", tmp_path)

    edm(workspace, "models", "register", "cnn_quick")
    edm(workspace, "models", "promote", "1", "Staging")
    edm(workspace, "models", "promote", "1", "Production")
    assert rows(workspace)["cnn_quick"]["model"] == "v1 Production"
    assert_model_loads(workspace, tmp_path)

    edm(workspace, "discard", "cnn_slow")
    assert not (workspace / "outputs" / "training" / "cnn_slow").exists()
    edm(workspace, "undo")
    assert (workspace / "outputs" / "training" / "cnn_slow" / "checkpoints" / "best.pt").is_file()
    assert rows(workspace)["cnn_slow"]["status"] == "FINISHED"

    diff = edm(workspace, "runs", "diff", "cnn_slow", "cnn_quick")
    assert {"params", "metrics", "metadata", "config", "code", "data", "environment", "tracks"} <= set(diff)
    assert "learning_rate" in json.dumps(diff["params"])


def pulled_clone(tmp_path: Path) -> Path:
    run(tmp_path, "git", "clone", "-q", str(tmp_path / "origin.git"), "teammate")
    teammate = tmp_path / "teammate"
    before = rows(teammate)["cnn_quick"]
    assert before["data_state"] == "missing"
    edm(teammate, "pull", "cnn_quick")
    return teammate


def assert_loads(checkpoint: Path, cwd: Path) -> None:
    """The guide's snippet: the checkpoint loads, weights only, anywhere."""
    code = f"import torch; print(sorted(torch.load({str(checkpoint)!r}, weights_only=True)))"
    assert "epoch" in run(cwd, sys.executable, "-c", code)


def assert_model_loads(workspace: Path, cwd: Path) -> None:
    code = (
        "import mlflow, torch\n"
        "for name in ('Production', '1'):\n"
        "    model = mlflow.pytorch.load_model('models:/EDMModel/' + name)\n"
        "    print(type(model).__mro__[-2].__module__, isinstance(model, torch.nn.Module))\n"
    )
    printed = run(
        cwd, sys.executable, "-W", "ignore", "-c", code, env={"MLFLOW_TRACKING_URI": f"sqlite:///{workspace}/mlflow.db"}
    )
    assert printed.count("True") == 2
