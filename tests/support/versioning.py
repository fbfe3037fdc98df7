"""Real git, DVC and MLflow in a temporary folder, and runs in them as a training would leave them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from edm_core.init import init_workspace
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.workspace import Workspace, find_workspace

PYTHON = sys.executable


def sh(cwd: Path, *argv: str, env: Mapping[str, str] | None = None, rc: int | None = 0) -> str:
    """Run a command, insist on its exit status (None: any), and return its output."""
    done = subprocess.run(
        argv, cwd=cwd, env=None if env is None else dict(env), capture_output=True, text=True, check=False
    )
    assert rc is None or done.returncode == rc, f"{argv} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def git(cwd: Path, *args: str, rc: int | None = 0) -> str:
    return sh(cwd, "git", *args, rc=rc)


def dvc(cwd: Path, *args: str, rc: int | None = 0) -> str:
    return sh(cwd, PYTHON, "-m", "dvc", *args, rc=rc)


def plain_env(**more: str) -> dict[str, str]:
    """The environment less MLFLOW_TRACKING_URI, which MLflow itself sets when a test of this process opens a store."""
    return {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | more


def edm(cwd: Path, *args: str, rc: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """`edm ARGS` in a process of its own, with these further environment variables."""
    done = subprocess.run(
        [PYTHON, "-m", "edm_core.cli.main", *args], cwd=cwd, capture_output=True, text=True, check=False,
        env=plain_env(**env),
    )  # fmt: skip
    assert rc is None or done.returncode == rc, f"edm {args} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def make_repository(root: Path, *, identity: bool = True) -> Path:
    """A git repository with one commit."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main", ".")
    if identity:
        git(root, "config", "user.name", "Tester")
        git(root, "config", "user.email", "tester@example.com")
    (root / "README").write_text("a project\n")
    git(root, "add", "README")
    git(root, "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "-m", "Begin")
    return root


def make_workspace(root: Path, *, remote: Path | None = None, git_remote: Path | None = None) -> Workspace:
    """A committed workspace; with a DVC remote in a folder, and a bare git repository as origin."""
    make_repository(root)
    init_workspace(root, os.environ, commit=True)
    _add_remotes(root, remote, git_remote)
    return find_workspace(root, {})


def _add_remotes(root: Path, remote: Path | None, git_remote: Path | None) -> None:
    if remote is not None:
        remote.mkdir(parents=True, exist_ok=True)
        dvc(root, "remote", "add", "-q", "-d", "store", str(remote))
        git(root, "commit", "-q", "-m", "Add a remote", "--", ".dvc/config")
    if git_remote is not None:
        git(root, "init", "-q", "--bare", "-b", "main", str(git_remote))
        git(root, "remote", "add", "origin", str(git_remote))
        git(root, "push", "-q", "-u", "origin", "main")


def new_workspace(tmp_path: Path, *, remote: bool = False, git_remote: bool = False) -> Workspace:
    """`tmp_path/project`, a copy of one workspace a test session: MLflow's schema alone takes more than a second.

    With `remote` a DVC remote in `tmp_path/remote`, with `git_remote` a bare origin in `tmp_path/origin.git`.
    """
    template = tmp_path.parent / "versioning-template"
    if not template.exists():
        made = make_workspace(tmp_path / "template")
        ensure_experiment(mlflow_client(made), made)
        shutil.copytree(made.root, template)
    root = tmp_path / "project"
    shutil.copytree(template, root)
    _add_remotes(root, tmp_path / "remote" if remote else None, tmp_path / "origin.git" if git_remote else None)
    return find_workspace(root, {})


@dataclass(frozen=True)
class MadeRun:
    """A run as a training leaves it: its MLflow id, name and folder."""

    run_id: str
    name: str
    folder: Path


def make_run(workspace: Workspace, name: str, *, status: str = "FINISHED", seed: int = 0, files: int = 3) -> MadeRun:
    """An MLflow run with metrics and tags, and its folder with a checkpoint that loads."""
    client = mlflow_client(workspace)
    run = client.create_run(ensure_experiment(client, workspace), run_name=name)
    run_id = str(run.info.run_id)
    folder = workspace.run_folder(name)
    client.set_tag(run_id, "edm.run_dir", workspace.relative(folder))
    client.log_param(run_id, "learning_rate", 0.001)
    for step, value in enumerate((0.5, 0.2, 0.3), start=1):
        client.log_metric(run_id, "val_loss", value + seed, step=step)
        client.log_metric(run_id, "boundary_f1", 1 - value, step=step)
    if status != "RUNNING":
        client.set_terminated(run_id, status)
    fill_folder(folder, run_id, name, seed, files)
    return MadeRun(run_id, name, folder)


def fill_folder(folder: Path, run_id: str, name: str, seed: int = 0, files: int = 3) -> None:
    """checkpoints/best.pt and last.pt, logs, config.yaml and metadata.yaml."""
    import torch

    (folder / "checkpoints").mkdir(parents=True)
    (folder / "logs").mkdir()
    state = {"model": {"w": torch.full((64, 8), float(seed))}, "epoch": 3, "config": {"backbone": "cnn"}}
    for checkpoint in ("best.pt", "last.pt"):
        torch.save(state, folder / "checkpoints" / checkpoint)
    for number in range(files):
        (folder / "logs" / f"events.{number}").write_bytes(f"{name} {seed} {number}\n".encode() * 200)
    (folder / "config.yaml").write_text(yaml.safe_dump({"backbone": "cnn", "seed": seed}))
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"run_name": name, "run_id": run_id, "hypothesis": "h"}))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
