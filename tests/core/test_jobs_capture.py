"""What a job was started with: changes, new files, no secrets, the packages of its Python."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.jobs.capture_patch import NEW_FILE_LIMIT, write_patch
from edm_core.jobs.local import launch
from edm_core.workspace import Workspace
from tests.support.jobs import folder, make_workspace, processes_ended, wait_for, wait_until


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws")
    git(made.root, "init", "-q")
    (made.root / "sub").mkdir()
    (made.root / "sub" / "train.py").write_text("one\n")
    (made.root / ".env").write_text("TOKEN=old\n")
    (made.root / ".gitignore").write_text(".edm/\n*.log\n")
    git(made.root, "add", "-A")
    git(made.root, "commit", "-qm", "first")
    with processes_ended(made):
        yield made


def test_changes_are_kept_secrets_and_large_files_only_named(workspace: Workspace, tmp_path: Path) -> None:
    root = workspace.root
    (root / "sub" / "train.py").write_text("two\n")
    (root / ".env").write_text("TOKEN=hunter2\n")
    (root / "sub" / "prod.env").write_text("TOKEN=hunter2\n")
    (root / "my_secrets.yaml").write_text("hunter2\n")
    (root / "new model.py").write_text("fresh\n")
    (root / "huge.bin").write_bytes(b"0" * (NEW_FILE_LIMIT + 1))
    (root / "ignored.log").write_text("noise\n")
    git(root, "add", "sub/prod.env")
    before = git(root, "status", "--porcelain")
    path = tmp_path / "patch"
    patch = write_patch(path, root / "sub", tmp_path / "commands.jsonl")
    text = path.read_text()
    assert "+two" in text
    assert "+fresh" in text
    assert "hunter2" not in text
    assert "noise" not in text
    assert patch.left_out == ("huge.bin", "my_secrets.yaml")
    assert not patch.cut
    assert git(root, "status", "--porcelain") == before
    assert {one.name for one in tmp_path.iterdir()} == {"ws", "patch", "commands.jsonl"}
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(root), str(clone))
    git(clone, "apply", str(path))
    assert (clone / "new model.py").read_text() == "fresh\n"
    assert (clone / "sub" / "train.py").read_text() == "two\n"


def test_a_job_knows_the_packages_of_its_python(workspace: Workspace) -> None:
    started = launch(workspace, [sys.executable, "-c", "import time; time.sleep(60)"])
    place = folder(workspace, started.id).path
    wait_for(lambda: "pytest==" in _read(place / "packages.txt"), "the packages")
    facts = json.loads((place / "environment.json").read_text())
    assert (facts["dirty"], facts["patch_left_out"]) == (False, [])
    shell = launch(workspace, ["sh", "-c", "exit 0"], hold=True)
    assert not (folder(workspace, shell.id).path / "packages.txt").exists()


def test_a_job_that_ends_at_once_leaves_no_process_behind(workspace: Workspace) -> None:
    started = launch(workspace, [sys.executable, "-c", ""])
    assert wait_until(workspace, started.id, "done").exit_code == 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
