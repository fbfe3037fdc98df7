"""Push and pull with a real DVC remote and a real git remote: data before git, a teammate's clone, refusals."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.actions.keep import keep
from edm_core.actions.push import push
from edm_core.actions.remote import add_remote, remotes
from edm_core.actions.safety import safety
from edm_core.commandlog import run_logged
from edm_core.errors import ActionError
from edm_core.stores.data_states import data_states, pointer
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace, find_workspace
from tests.support.versioning import contents, dvc, edm, git, make_run, new_workspace

RUN = "outputs/training/cnn"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path, remote=True, git_remote=True)


def remote_objects(tmp_path: Path) -> set[str]:
    return {path.parent.name + path.name for path in (tmp_path / "remote").rglob("*") if path.is_file()}


def test_a_teammate_pulls_keeps_and_is_pulled(tmp_path: Path, workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    done = edm(workspace.root, "keep", "cnn", "--push", "--json")
    assert json.loads(done.stdout)["git"] is True
    assert data_states(workspace)["cnn"].word == "pushed"
    assert pointer(workspace.root / f"{RUN}.dvc").hash in remote_objects(tmp_path)
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    mate = find_workspace(tmp_path / "mate", {})
    assert data_states(mate)["cnn"].word == "missing"
    edm(mate.root, "pull", "cnn")
    assert contents(mate.run_folder("cnn")) == contents(run.folder)
    assert data_states(mate)["cnn"].word == "pushed"
    make_run(mate, "theirs", seed=3)
    edm(mate.root, "keep", "theirs", "--push")
    document = json.loads(edm(workspace.root, "pull", "theirs", "--json").stdout)
    assert document["pulled"] == ["outputs/training/theirs.dvc"]
    assert contents(workspace.run_folder("theirs")) == contents(mate.run_folder("theirs"))
    assert git(workspace.root, "status", "--porcelain") == ""
    assert dvc(workspace.root, "status", "--json") == "{}"


def test_older_versions_that_git_pushes_are_on_the_remote_too(tmp_path: Path, workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    first = keep(workspace, find_run(workspace, "cnn")).data["kept"]
    (run.folder / "more.txt").write_text("more")
    second = keep(workspace, find_run(workspace, "cnn")).data["kept"]
    make_run(workspace, "other", seed=1)
    other = keep(workspace, find_run(workspace, "other")).data["kept"]
    outcome = push(workspace, [RUN])
    assert {first, second, other} <= remote_objects(tmp_path)
    assert outcome.data["older_versions"] == 1
    assert git(workspace.root, "rev-list", "--count", "HEAD", "--not", "--remotes") == "0"
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    git(tmp_path / "mate", "checkout", "-q", "HEAD~2")
    dvc(tmp_path / "mate", "pull", "-q", f"{RUN}.dvc")
    assert "more.txt" not in contents(tmp_path / "mate" / RUN)


def test_a_file_that_only_an_older_version_has_goes_along(tmp_path: Path, workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    older = contents(run.folder)
    (run.folder / "config.yaml").write_text("rewritten: 1\n")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    git(tmp_path / "mate", "checkout", "-q", "HEAD~1")
    dvc(tmp_path / "mate", "pull", "-q", f"{RUN}.dvc")
    assert contents(tmp_path / "mate" / RUN) == older


def test_a_remote_that_lost_files_is_not_believed_and_gets_them_again(tmp_path: Path, workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    whole = remote_objects(tmp_path)
    victim = next(p for p in (tmp_path / "remote").rglob("*") if p.is_file() and p.suffix != ".dir")
    victim.chmod(0o644)
    victim.unlink()
    assert dvc(workspace.root, "status", "-c", "--json") == "{}", "DVC itself takes the list for the files"
    push(workspace)
    assert remote_objects(tmp_path) == whole


def test_git_is_never_pushed_when_the_data_could_not_be(tmp_path: Path, workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    shutil.rmtree(tmp_path / "remote")
    (tmp_path / "remote").write_text("no folder\n")
    with pytest.raises(ActionError, match="the bucket or folder is not there: NotADirectoryError") as error:
        push(workspace)
    assert "goes on from there" in error.value.hint
    assert git(workspace.root, "rev-list", "--count", "HEAD", "--not", "--remotes") == "1"
    assert data_states(workspace)["cnn"].word == "kept"
    (tmp_path / "remote").unlink()
    push(workspace)
    assert data_states(workspace)["cnn"].word == "pushed"


def test_objects_that_the_cache_has_lost_are_told_and_git_waits(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    victim = next(p for p in (workspace.root / ".dvc/cache/files/md5").rglob("*") if p.is_file() and p.suffix != ".dir")
    victim.unlink()
    with pytest.raises(ActionError, match="so git was not pushed"):
        push(workspace)
    assert data_states(workspace)["cnn"].word == "kept"
    assert git(workspace.root, "rev-list", "--count", "HEAD", "--not", "--remotes") == "1"


def test_commits_that_git_refuses_leave_the_data_pushed(tmp_path: Path, workspace: Workspace) -> None:
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    (tmp_path / "mate" / "theirs.txt").write_text("x")
    git(tmp_path / "mate", "add", "theirs.txt")
    git(tmp_path / "mate", "commit", "-q", "-m", "Theirs")
    git(tmp_path / "mate", "push", "-q")
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    with pytest.raises(ActionError, match="the data are pushed, but git refused") as error:
        push(workspace)
    assert "git pull --rebase" in error.value.hint
    assert data_states(workspace)["cnn"].word == "pushed"
    failed = edm(workspace.root, "pull", rc=1)
    assert "git did not pull" in failed.stderr
    assert "hint: Both sides have commits" in failed.stderr
    git(workspace.root, "pull", "-q", "--rebase")
    assert "pushed main to origin/main" in edm(workspace.root, "push").stdout


def test_without_remotes(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    make_run(workspace, "cnn")
    failed = edm(workspace.root, "push", rc=1)
    assert "no default remote" in failed.stderr
    assert "hint: dvc remote add -d" in failed.stderr
    dvc(workspace.root, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    git(workspace.root, "commit", "-q", "-am", "Add a remote")
    failed = edm(workspace.root, "push", "cnn", rc=1)
    assert "outputs/training/cnn is not kept" in failed.stderr
    edm(workspace.root, "keep", "cnn")
    assert "no git remote" in edm(workspace.root, "push").stdout


def test_pull_overwrites_no_local_change(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    edm(workspace.root, "keep", "cnn", "--push")
    (run.folder / "config.yaml").write_text("mine: 1\n")
    failed = edm(workspace.root, "pull", "cnn", rc=1)
    assert "was changed here since it was kept" in failed.stderr
    assert "left alone: cnn" in edm(workspace.root, "pull", "--all").stderr
    assert (run.folder / "config.yaml").read_text() == "mine: 1\n"


def test_a_teammates_newer_version_replaces_the_older_one_and_newer_data_the_older_data(
    tmp_path: Path, workspace: Workspace
) -> None:
    root = workspace.root
    (root / "data").mkdir()
    (root / "data" / "a.yaml").write_text("a: 1\n")
    dvc(root, "add", "-q", "data")
    git(root, "add", "data.dvc")
    git(root, "commit", "-q", "-m", "Track the data")
    run = make_run(workspace, "cnn")
    edm(root, "keep", "cnn", "--push")
    edm(root, "push")
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    mate = find_workspace(tmp_path / "mate", {})
    edm(mate.root, "pull")
    (mate.root / "data" / "a.yaml").write_text("a: 2\n")
    dvc(mate.root, "add", "-q", "data")
    git(mate.root, "commit", "-q", "-am", "Mend the data")
    (mate.run_folder("cnn") / "notes.txt").write_text("seen\n")
    edm(mate.root, "keep", "cnn")
    edm(mate.root, "push")
    edm(root, "pull")
    assert (run.folder / "notes.txt").read_text() == "seen\n"
    assert (root / "data" / "a.yaml").read_text() == "a: 2\n"
    (root / "data" / "a.yaml").write_text("mine: 1\n")
    assert "left alone: the data set" in edm(root, "pull").stderr
    assert (root / "data" / "a.yaml").read_text() == "mine: 1\n"


def test_a_foreign_dvc_process_that_holds_the_lock_is_named_and_waited_for(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    script = (
        "import sys, zc.lockfile\nlock = zc.lockfile.LockFile(sys.argv[1])\nprint('held', flush=True)\n"
        "sys.stdin.read()\nlock.close()"
    )
    path = workspace.root / ".dvc" / "tmp" / "lock"
    path.parent.mkdir(exist_ok=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        if "DVC's lock" in text:
            assert holder.stdin is not None
            holder.stdin.close()

    keep(workspace, find_run(workspace, "cnn"), say=hear)
    assert holder.wait() == 0
    holder.stdout.close()
    assert any(f"waiting for DVC's lock: pid {holder.pid} (" in text for text in said)


def test_a_password_in_a_remotes_address_reaches_neither_git_nor_log(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    before = (workspace.root / ".dvc/config").read_bytes()
    with pytest.raises(ActionError, match=r"ssh://ann:\*\*\*@nas/x holds a password") as caught:
        add_remote(workspace, "nas", "ssh://ann:s3cret@nas/x", default=False)
    assert "--local nas" in caught.value.hint
    assert (workspace.root / ".dvc/config").read_bytes() == before
    run_logged(["git", "--version", "ssh://ann:s3cret@nas/x"], cwd=tmp_path, log=workspace.command_log_path)
    assert "s3cret" not in workspace.command_log_path.read_text()
    add_remote(workspace, "nas", "ssh://ann@nas/x", default=False)
    assert remotes(workspace) == {"nas": "ssh://ann@nas/x"}


def test_what_a_remote_has_lost_is_not_called_safe_any_more(tmp_path: Path, workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    edm(workspace.root, "keep", "cnn", "--push")
    assert safety(workspace).safe
    for place in (tmp_path / "remote", workspace.root / ".dvc" / "cache"):
        lost = next(path for path in sorted(place.rglob("*")) if path.is_file() and path.suffix != ".dir")
        lost.unlink()
    with pytest.raises(ActionError, match="not all of"):
        push(workspace)
    assert data_states(workspace)["cnn"].word == "kept"
    assert not safety(workspace).safe


def test_another_address_under_the_name_of_the_remote_is_pushed_to_anew(tmp_path: Path, workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    edm(workspace.root, "keep", "cnn", "--push")
    (tmp_path / "new_nas").mkdir()
    dvc(workspace.root, "remote", "modify", "store", "url", str(tmp_path / "new_nas"))
    assert [item.run for item in safety(workspace).only_here] == ["cnn"]
    assert "NO: 1 kept" in edm(workspace.root, "storage", "status").stdout
    git(workspace.root, "commit", "-q", "-m", "Another disk", "--", ".dvc/config")
    push(workspace)
    assert safety(workspace).safe
    assert len(list((tmp_path / "new_nas").rglob("*.dir"))) == 1
