"""Real remotes: SSH to Debian's sshd, S3 to moto, a folder; lines that break, disks that fill, and what check says."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.actions.doctor import examine
from edm_core.jobs.transfers import load_transfers
from edm_core.stores.data_states import data_states
from edm_core.workspace import Workspace, find_workspace
from tests.support.postgres import free_port
from tests.support.remotes import BreakingLine, Remote, gs_remote, s3_remote, ssh_remote
from tests.support.versioning import contents, dvc, edm, git, make_run, new_workspace, plain_env


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with ssh_remote(tmp_path_factory.mktemp("store")) as remote:
        yield remote


@pytest.fixture(scope="module")
def s3() -> Iterator[Remote]:
    with s3_remote() as remote:
        yield remote


@pytest.fixture(scope="module")
def gs() -> Iterator[Remote]:
    with gs_remote() as remote:
        yield remote


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def keep_large(workspace: Workspace) -> Path:
    """A kept run of 6 MB in pieces of 1 MB."""
    run = make_run(workspace, "cnn")
    for number in range(6):
        (run.folder / f"piece_{number}.bin").write_bytes(os.urandom(1_000_000))
    edm(workspace.root, "keep", "cnn")
    return run.folder


def unpushed(root: Path) -> int:
    return int(git(root, "rev-list", "--count", "HEAD", "--not", "--remotes"))


@pytest.mark.parametrize("kind", ["ssh", "s3"])
def test_a_line_that_breaks_in_mid_push_then_a_teammate_pulls_all(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    remote: Remote = request.getfixturevalue(kind)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    workspace = new_workspace(tmp_path, git_remote=True)
    line = BreakingLine(remote.port, after=3_500_000)
    remote.through(line.port).add(workspace.root)
    git(workspace.root, "commit", "-q", "-m", "Add a remote", "--", ".dvc/config")
    folder = keep_large(workspace)
    failed = edm(workspace.root, "push", rc=1)
    assert "error: the remote far: the host does not answer" in failed.stderr
    assert "What has arrived stays" in failed.stderr
    assert unpushed(workspace.root) == 2
    assert data_states(workspace)["cnn"].word == "kept"
    line.heal()
    assert "far works" in edm(workspace.root, "remote", "check").stdout
    edm(workspace.root, "push")
    assert unpushed(workspace.root) == 0
    assert data_states(workspace)["cnn"].word == "pushed"
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    mate = find_workspace(tmp_path / "mate", {})
    remote.through(line.port).add(mate.root, listed=True)
    assert data_states(mate)["cnn"].word == "missing"
    edm(mate.root, "pull", "cnn")
    assert contents(mate.run_folder("cnn")) == contents(folder)
    line.close()


@pytest.mark.parametrize("kind", [pytest.param("ssh", marks=pytest.mark.proof), "s3"])
def test_a_push_on_a_line_that_stands_still_is_stopped_and_goes_on(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    remote: Remote = request.getfixturevalue(kind)
    workspace = new_workspace(tmp_path, git_remote=True)
    line = BreakingLine(remote.port, after=3_500_000, stalls=True)
    remote.through(line.port).add(workspace.root)
    git(workspace.root, "commit", "-q", "-m", "Add a remote", "--", ".dvc/config")
    keep_large(workspace)
    child = subprocess.Popen(
        [sys.executable, "-m", "edm_core.cli.main", "push"], cwd=workspace.root, env=plain_env(), text=True,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert line.stalled.wait(60)
    assert "stopped the push" in edm(workspace.root, "push", "--stop").stdout
    assert child.communicate(timeout=60)[1].endswith("interrupted\n")
    assert child.returncode == 130
    assert load_transfers(workspace.transfers_dir)[0].state == "stopped"
    assert unpushed(workspace.root) == 2
    line.heal()
    assert not examine(workspace, fix=True).sick
    edm(workspace.root, "push")
    assert unpushed(workspace.root) == 0
    assert data_states(workspace)["cnn"].word == "pushed"
    line.close()


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """Where mounting is not allowed, the queue's tests do it by a limit on the size of files."""
    workspace = new_workspace(tmp_path, git_remote=True)
    disk = tmp_path / "disk"
    disk.mkdir()
    edm(workspace.root, "remote", "add", "nas", str(disk))
    git(workspace.root, "commit", "-q", "-m", "Add a remote", "--", ".dvc/config")
    folder = keep_large(workspace)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        full = edm(workspace.root, "push", rc=1).stderr
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        check_refused_then_whole(workspace, full, folder)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def check_refused_then_whole(workspace: Workspace, told: str, folder: Path) -> None:
    """It was said that there is no space; with space the push goes on, and the data can be had from there alone."""
    assert "there is no space left" in told
    assert "The remote is full: free space there." in told
    assert data_states(workspace)["cnn"].word == "kept"
    assert unpushed(workspace.root) > 0
    edm(workspace.root, "push")
    assert unpushed(workspace.root) == 0
    before = contents(folder)
    shutil.rmtree(workspace.root / ".dvc" / "cache")
    shutil.rmtree(folder)
    edm(workspace.root, "pull", "cnn")
    assert contents(folder) == before


def test_a_folder_that_was_a_mounted_disk_is_not_made_anew(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path, remote=True)
    make_run(workspace, "cnn")
    edm(workspace.root, "keep", "cnn", "--push")
    (tmp_path / "remote").rename(tmp_path / "unmounted")
    failed = edm(workspace.root, "push", rc=1)
    assert "is not there, though data were seen on it before" in failed.stderr
    assert "hint: Is it mounted?" in failed.stderr
    assert not (tmp_path / "remote").exists()


def check(tmp_path: Path, remote: Remote, rc: int = 1, timeout: int = 60) -> str:
    """What `edm remote check` says of this remote."""
    workspace = new_workspace(tmp_path)
    remote.add(workspace.root)
    done = edm(workspace.root, "remote", "check", "--timeout", str(timeout), rc=rc)
    return done.stderr if rc else done.stdout


@pytest.mark.proof
def test_google_storage_takes_a_push_and_gives_it_back(tmp_path: Path, gs: Remote) -> None:
    workspace = new_workspace(tmp_path, git_remote=True)
    gs.add(workspace.root)
    assert "far works" in edm(workspace.root, "remote", "check").stdout
    git(workspace.root, "commit", "-q", "-m", "Add a remote", "--", ".dvc/config")
    run = make_run(workspace, "cnn")
    edm(workspace.root, "keep", "cnn", "--push")
    assert data_states(workspace)["cnn"].word == "pushed"
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    mate = find_workspace(tmp_path / "mate", {})
    gs.add(mate.root, listed=True)
    edm(mate.root, "pull", "cnn")
    assert contents(mate.run_folder("cnn")) == contents(run.folder)


def test_check_names_a_bucket_of_google_that_is_not_there(tmp_path: Path, gs: Remote) -> None:
    assert "the bucket or folder is not there" in check(tmp_path, replace(gs, address="gs://another/dvc"))
    dvc(tmp_path / "project", "remote", "modify", "-q", "far", "url", gs.address)
    assert "far works" in edm(tmp_path / "project", "remote", "check").stdout


@pytest.mark.parametrize("kind", ["s3", "gs", "ssh"])
def test_check_waits_no_longer_than_it_says(tmp_path: Path, silent: int, kind: str) -> None:
    pytest.importorskip(f"dvc_{kind}", reason=f"dvc-{kind} is not installed")
    endpoint = {"endpointurl": f"http://127.0.0.1:{silent}"}
    remote = {
        "s3": Remote("s3://runs/dvc", {**endpoint, "access_key_id": "a", "secret_access_key": "b"}),
        "gs": Remote("gs://runs/dvc", endpoint),
        "ssh": Remote(f"ssh://you@127.0.0.1:{silent}/srv/dvc", {"password": "x"}),
    }[kind]
    began = time.monotonic()
    told = check(tmp_path, remote, timeout=3)
    assert "the host does not answer: TimeoutError: no answer within 3 s, while" in told
    assert "or wait longer with --timeout" in told
    assert time.monotonic() - began < 60


def test_check_names_ssh_keys_that_are_refused(tmp_path: Path, ssh: Remote) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    told = check(tmp_path, replace(ssh, options={"keyfile": str(tmp_path / "other"), "timeout": "20"}))
    assert "the credentials are refused or missing" in told


def test_check_looks_at_the_host_key_as_dvc_does_not(tmp_path: Path, ssh: Remote) -> None:
    known = Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    kind, key = (tmp_path / "other.pub").read_text().split()[:2]
    try:
        known.write_text(f"[127.0.0.1]:{ssh.port} {kind} {key}\n")
        told = check(tmp_path, ssh)
        assert "the host's key is not the one that is known" in told
        assert "ssh-keygen -R HOST" in told
        known.unlink()
        root = tmp_path / "project"
        assert "is not in" in edm(root, "remote", "check").stdout
        keyscan = subprocess.run(
            ["ssh-keyscan", "-p", str(ssh.port), "127.0.0.1"], capture_output=True, text=True, check=True
        )
        known.write_text(keyscan.stdout)
        assert "known_hosts" not in edm(root, "remote", "check").stdout
    finally:
        known.unlink(missing_ok=True)


def test_check_names_a_bucket_that_is_not_there(tmp_path: Path, s3: Remote) -> None:
    assert "the bucket or folder is not there" in check(tmp_path, replace(s3, address="s3://another/dvc"))


def test_check_names_an_s3_endpoint_where_nobody_listens(tmp_path: Path, s3: Remote) -> None:
    assert "the host does not answer" in check(tmp_path, s3.through(free_port()))


def test_check_names_credentials_that_are_missing(tmp_path: Path, s3: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    only = {key: s3.options[key] for key in ("endpointurl", "region")}
    assert "the credentials are refused or missing" in check(tmp_path, replace(s3, options=only))


def test_check_names_a_host_that_does_not_answer(tmp_path: Path, ssh: Remote) -> None:
    assert "the host does not answer" in check(tmp_path, ssh.through(free_port()))


def test_check_names_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "nas").write_text("a file\n")
    assert "the bucket or folder is not there" in check(tmp_path, Remote(str(tmp_path / "nas")))
