"""Collecting the cache loses nothing that a commit names or that is only here; remotes are added and checked."""

import json
import os
import shutil
from pathlib import Path

import pytest

from edm_core.actions.gc import collect, plan_gc
from edm_core.actions.keep import keep
from edm_core.actions.push import push
from edm_core.actions.remote import add_remote, check_remote, remotes
from edm_core.actions.remote_probe import diagnose
from edm_core.errors import ActionError, NotFoundError
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace
from tests.support.versioning import contents, dvc, edm, git, make_run, new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path, remote=True)


def two_versions(workspace: Workspace) -> Path:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    (run.folder / "config.yaml").write_text("second: 1\n")
    keep(workspace, find_run(workspace, "cnn"))
    return run.folder


def test_every_commits_versions_stay_by_default(workspace: Workspace) -> None:
    two_versions(workspace)
    assert plan_gc(workspace).doomed == ()
    assert "nothing to free" in edm(workspace.root, "storage", "gc").stderr


def test_what_no_remote_has_goes_only_when_its_run_is_named(workspace: Workspace) -> None:
    two_versions(workspace)
    plan = plan_gc(workspace, all_commits=False)
    assert {item.run for item in plan.doomed} == {"cnn"}
    assert plan.lost == ("cnn",)
    before = contents(workspace.root / ".dvc/cache/files")
    with pytest.raises(ActionError, match="on no remote") as error:
        collect(workspace, plan)
    assert error.value.hint.endswith("--forget cnn")
    assert contents(workspace.root / ".dvc/cache/files") == before
    dvc(workspace.root, "push", "-q", "-A")
    plan = plan_gc(workspace, all_commits=False)
    assert plan.lost == ()
    collect(workspace, plan)
    after = contents(workspace.root / ".dvc/cache/files")
    assert sum(map(len, before.values())) - sum(map(len, after.values())) == plan.bytes
    git(workspace.root, "checkout", "-q", "HEAD~1", "--", "outputs/training/cnn.dvc")
    dvc(workspace.root, "pull", "-q", "--force", "outputs/training/cnn.dvc")


def test_it_is_refused_when_dvcs_index_does_not_hold_every_pointer(workspace: Workspace) -> None:
    two_versions(workspace)
    with (workspace.root / ".gitignore").open("a") as file:
        file.write("/outputs/training/*/\n")
    before = contents(workspace.root / ".dvc/cache/files")
    failed = edm(workspace.root, "storage", "gc", "--workspace-only", "--forget", "cnn", "--yes", rc=1)
    assert "DVC's index does not hold outputs/training/cnn.dvc" in failed.stderr
    assert contents(workspace.root / ".dvc/cache/files") == before


def test_the_command_tells_first(workspace: Workspace) -> None:
    two_versions(workspace)
    push(workspace)
    told = json.loads(edm(workspace.root, "storage", "gc", "--workspace-only", "--json").stdout)
    assert told["only_here"] == ["cnn"], "older versions of a repository without git remote are not pushed"
    shown = edm(workspace.root, "storage", "gc", "--workspace-only").stdout
    assert "ONLY HERE" in shown


def test_remotes_are_added_listed_and_checked(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    add_remote(workspace, "nas", str(tmp_path / "nas"), default=False)
    assert remotes(workspace) == {"nas": str(tmp_path / "nas")}
    assert json.loads(edm(workspace.root, "remote", "list", "--json").stdout)["remotes"][0]["default"] is True
    (tmp_path / "nas").mkdir()
    assert check_remote(workspace).data["name"] == "nas"
    assert contents(tmp_path / "nas") == {}
    with pytest.raises(ActionError, match="there is a remote nas already"):
        add_remote(workspace, "nas", "/elsewhere", default=False)
    with pytest.raises(NotFoundError, match="no remote 'other'"):
        check_remote(workspace, "other")
    shutil.rmtree(tmp_path / "nas")
    (tmp_path / "nas").write_text("a file\n")
    with pytest.raises(ActionError, match="the bucket or folder is not there") as error:
        check_remote(workspace)
    assert "mend the address" in error.value.hint
    add_remote(workspace, "gone", f"ssh://127.0.0.1:{free_port()}/srv", default=False)
    failed = edm(workspace.root, "remote", "check", "gone", rc=1)
    assert "gone (ssh://" in failed.stderr
    assert "hint:" in failed.stderr


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("botocore.errorfactory.NoSuchBucket: The specified bucket does not exist", "place"),
        ("botocore.exceptions.NoCredentialsError: Unable to locate credentials", "credentials"),
        ("asyncssh.misc.HostKeyNotVerifiable: Host key is not trusted", "host key"),
        ("OSError: [Errno 28] No space left on device: '/x'", "space"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "permission"),
        ("ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 22)", "network"),
        ("ValueError: something else", "other"),
    ],
)
def test_the_reason_is_read_from_the_exceptions_alone(lines: str, reason: str) -> None:
    traceback = f'Traceback (most recent call last):\n  File "x.py", line 1, in connect\n    timeout()\n{lines}\n'
    assert diagnose(traceback) == (reason, lines)
    assert os.linesep not in diagnose(traceback)[1]
