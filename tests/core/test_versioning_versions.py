"""Every version that git's history holds is listed and can be put back, whoever committed it and on what branch."""

import json
import shutil
from pathlib import Path

import pytest

from edm_core.actions.safety import safety
from edm_core.actions.versions import restore_version, versions_of
from edm_core.errors import ActionError
from edm_core.stores.data_states import data_states, pointer
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace, find_workspace
from tests.support.versioning import contents, dvc, edm, git, make_run, new_workspace

RUN = "outputs/training/cnn"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path, remote=True, git_remote=True)


def plain_keep(root: Path, message: str) -> None:
    """As somebody without this tool does it."""
    dvc(root, "add", "-q", RUN)
    git(root, "add", f"{RUN}.dvc", "outputs/training/.gitignore")
    git(root, "commit", "-q", "-m", message)


def test_what_plain_commands_kept_on_every_branch_comes_back(tmp_path: Path, workspace: Workspace) -> None:
    root = workspace.root
    folder = make_run(workspace, "cnn").folder
    kept = {}
    for message in ("first", "second"):
        (folder / "notes.txt").write_text(message)
        plain_keep(root, message)
        kept[message] = contents(folder)
    git(root, "switch", "-q", "-c", "idea")
    (folder / "notes.txt").write_text("on a branch")
    plain_keep(root, "on a branch")
    kept["on a branch"] = contents(folder)
    git(root, "switch", "-q", "main")
    dvc(root, "checkout", "-q", "--force", f"{RUN}.dvc")
    dvc(root, "push", "-q", "--all-branches", "--all-commits")
    git(root, "push", "-q", "origin", "main", "idea")
    found = versions_of(workspace, find_run(workspace, "cnn"))
    assert [(one.subject, one.branch, one.current) for one in found] == [
        ("second", "", True), ("first", "", False), ("on a branch", "idea", False),
    ]  # fmt: skip
    assert "on a branch  (on idea)" in edm(root, "runs", "versions", "cnn").stdout
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    mate = find_workspace(tmp_path / "mate", {})
    document = json.loads(edm(mate.root, "runs", "versions", "cnn", "--json").stdout)
    assert [one["subject"] for one in document["versions"]] == ["second", "first", "on a branch"]
    assert [one["cached"] for one in document["versions"]] == [False, False, False]
    for one in document["versions"]:
        edm(mate.root, "runs", "versions", "cnn", "--restore", one["hash"])
        assert contents(mate.run_folder("cnn")) == kept[one["subject"]]


def test_a_run_whose_pointer_was_taken_out_again_is_found_by_its_name(workspace: Workspace) -> None:
    root = workspace.root
    folder = make_run(workspace, "cnn").folder
    before = contents(folder)
    plain_keep(root, "kept")
    git(root, "rm", "-q", f"{RUN}.dvc")
    git(root, "commit", "-q", "-m", "Away with it")
    shutil.rmtree(folder)
    (root / "mlflow.db").unlink()
    (version,) = json.loads(edm(root, "runs", "versions", "cnn", "--json").stdout)["versions"]
    assert (version["subject"], version["current"], version["cached"]) == ("kept", False, True)
    edm(root, "runs", "versions", "cnn", "--restore", version["commit"][:10])
    assert contents(folder) == before
    assert data_states(workspace)["cnn"].word == "kept"
    assert git(root, "status", "--porcelain") == ""
    assert "there is nothing to undo" in edm(root, "undo", rc=1).stderr
    assert "no run" in edm(root, "runs", "versions", "never_was", rc=1).stderr


def test_what_is_only_on_other_branches_is_counted_named_and_pushed(workspace: Workspace, tmp_path: Path) -> None:
    root = workspace.root
    run = make_run(workspace, "cnn")
    edm(root, "keep", "cnn", "--push")
    git(root, "switch", "-q", "-c", "idea")
    (run.folder / "notes.txt").write_text("tried")
    edm(root, "keep", "cnn")
    tried = pointer(root / f"{RUN}.dvc").hash
    git(root, "switch", "-q", "main")
    edm(root, "doctor", "--fix", rc=None)
    dvc(root, "checkout", "-q", "--force", f"{RUN}.dvc")
    found = safety(workspace)
    assert (found.safe, found.commit_count, found.other_branches) == (False, 1, ("idea",))
    assert [item.run for item in found.only_here] == [f"older version {tried[:8]}"]
    assert "on idea: edm push --branches" in edm(root, "storage", "status").stdout
    edm(root, "push", "--all")
    assert not safety(workspace).safe
    assert "pushed idea to origin/idea" in edm(root, "push", "--branches", "--json").stdout
    assert safety(workspace).safe
    assert (tmp_path / "remote" / "files" / "md5" / tried[:2] / tried[2:]).exists()
    git(root, "switch", "-q", "--detach")
    git(root, "commit", "-q", "--allow-empty", "-m", "On no branch")
    assert [(one.branch, one.current) for one in safety(workspace).commits] == [("", False)]
    assert "HEAD is detached: git switch -c NAME" in edm(root, "storage", "status").stdout
    assert "HEAD is detached" in edm(root, "push").stdout


def test_a_branch_that_the_remote_refuses_is_named_and_the_others_are_pushed(
    workspace: Workspace, tmp_path: Path
) -> None:
    root = workspace.root
    hook = tmp_path / "origin.git" / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in *protected*) echo "this branch is protected" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    for branch in ("protected", "zeal"):
        git(root, "switch", "-q", "-c", branch, "main")
        git(root, "commit", "-q", "--allow-empty", "-m", f"On {branch}")
    git(root, "switch", "-q", "main")
    failed = edm(root, "push", "--branches", rc=1)
    assert "git refused protected: " in failed.stderr
    assert "this branch is protected" in failed.stderr
    assert safety(workspace).other_branches == ("protected",)


def test_a_version_on_both_sides_of_a_merge_is_not_simplified_away(workspace: Workspace) -> None:
    root = workspace.root
    folder = make_run(workspace, "cnn").folder
    plain_keep(root, "base")
    git(root, "switch", "-q", "-c", "idea")
    (folder / "notes.txt").write_text("tried")
    plain_keep(root, "tried")
    git(root, "switch", "-q", "main")
    (root / "README").write_text("more\n")
    git(root, "commit", "-q", "-am", "Meanwhile")
    git(root, "merge", "-q", "--no-ff", "-s", "ours", "-m", "Leave the idea", "idea")
    git(root, "branch", "-q", "-D", "idea")
    dvc(root, "checkout", "-q", "--force", f"{RUN}.dvc")
    row = find_run(workspace, "cnn")
    assert [one.subject for one in versions_of(workspace, row)] == ["tried", "base"]
    restore_version(workspace, row, versions_of(workspace, row)[0].hash)
    assert (folder / "notes.txt").read_text() == "tried"
    (folder / "notes.txt").write_text("not kept")
    with pytest.raises(ActionError, match="not kept"):
        restore_version(workspace, row, versions_of(workspace, row)[-1].hash)
