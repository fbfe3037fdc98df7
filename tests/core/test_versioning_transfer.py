"""A push or a pull is a folder that others follow: bytes, rate, who is waited for, how it ended."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from edm_core.actions.keep import keep
from edm_core.actions.push import push
from edm_core.actions.transfer import KEPT, stop_transfers, transfer
from edm_core.errors import ActionError
from edm_core.files import read_json_lines
from edm_core.jobs.transfers import active_transfer, load_transfers, stop_transfer, transfers_token
from edm_core.lock import data_lane
from edm_core.snapshots.transfers import TransferProgress, TransferSnapshot
from edm_core.stores.data_states import data_states
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace
from tests.support.versioning import edm, git, make_run, new_workspace, plain_env


def until(found: Callable[[], TransferSnapshot | None]) -> TransferSnapshot:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        transfer = found()
        if transfer is not None:
            return transfer
        time.sleep(0.05)
    raise AssertionError("it did not come about within a minute")


def start_push(workspace: Workspace) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "edm_core.cli.main", "push", "--json"], cwd=workspace.root, env=plain_env(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Workspace:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    run = make_run(workspace, "cnn")
    (run.folder / "large.bin").write_bytes(os.urandom(20_000_000))
    keep(workspace, find_run(workspace, "cnn"))
    return workspace


def test_a_push_tells_its_bytes_and_a_second_one_has_none_to_send(kept: Workspace) -> None:
    before = transfers_token(kept.transfers_dir)
    seen: list[TransferProgress] = []
    push(kept, watch=seen.append)
    (done,) = load_transfers(kept.transfers_dir)
    assert transfers_token(kept.transfers_dir) != before
    assert (done.verb, done.state, done.title) == ("push", "done", "pushed 1 pointer to store, verified there")
    sent = [progress for progress in seen if progress.phase == "data"]
    assert sent[0].bytes_done == 0
    assert sent[0].bytes_total > 20_000_000
    verified = [progress for progress in seen if progress.phase == "verify"][-1]
    assert verified.bytes_done == verified.bytes_total == sent[0].bytes_total
    assert verified.files_done == verified.files_total > 3
    phases = [record["phase"] for record in read_json_lines(Path(done.folder) / "progress.jsonl")]
    assert list(dict.fromkeys(phases)) == ["look", "data", "verify", "git"]
    seen.clear()
    push(kept, watch=seen.append)
    assert [progress for progress in seen if progress.bytes_total] == []


def test_a_pull_tells_its_bytes(tmp_path: Path, kept: Workspace) -> None:
    push(kept)
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    edm(tmp_path / "mate", "pull", "--all")
    (done,) = load_transfers(tmp_path / "mate" / ".edm" / "transfers")
    records = read_json_lines(Path(done.folder) / "progress.jsonl")
    assert (done.verb, done.state) == ("pull", "done")
    assert max(record["bytes_done"] for record in records) > 20_000_000
    assert list(dict.fromkeys(record["phase"] for record in records)) == [
        "git", "look", "data", "checkout", "verify",
    ]  # fmt: skip


def test_rate_and_time_to_go_are_those_of_the_last_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = new_workspace(tmp_path)
    seconds = count(1000.0, 1.0)
    with transfer(workspace, "push", ()) as job:
        monkeypatch.setattr(time, "time", lambda: next(seconds))
        for done in (0, 1000, 2000, 3000):
            job.data("data", done, 10_000, 1, 3)
        monkeypatch.undo()
    progress = load_transfers(workspace.transfers_dir)[0].progress
    assert progress.bytes_done == 3000
    assert progress.rate == pytest.approx(500)  # the clock ticks once to count and once to write
    assert progress.eta == pytest.approx(14)


def test_it_waits_visibly_outlives_its_terminal_and_goes_on(kept: Workspace) -> None:
    with (kept.edm_dir / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.pwrite(lock.fileno(), f"{os.getpid()}\n{time.time():.0f}\nedm keep other\n".encode(), 0)
        child = start_push(kept)
        waiting = until(lambda: next((t for t in load_transfers(kept.transfers_dir) if t.progress.waiting_for), None))
        assert waiting.state == "running"
        assert waiting.progress.phase == "wait"
        assert waiting.progress.waiting_for.startswith(f"pid {os.getpid()} (edm keep other, for ")
        child.send_signal(signal.SIGHUP)
        assert active_transfer(kept.transfers_dir) is not None
    assert child.wait(60) == 0
    assert load_transfers(kept.transfers_dir)[0].state == "done"
    assert data_states(kept)["cnn"].word == "pushed"


def test_it_can_be_stopped_and_begun_again(kept: Workspace) -> None:
    with (kept.edm_dir / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = start_push(kept)
        waiting = until(lambda: next((t for t in load_transfers(kept.transfers_dir) if t.progress.waiting_for), None))
        assert stop_transfer(waiting)
        assert child.wait(60) == 130
    (stopped,) = load_transfers(kept.transfers_dir)
    assert stopped.state == "stopped"
    assert not stop_transfer(stopped)
    push(kept)
    assert data_states(kept)["cnn"].word == "pushed"


def test_the_verb_that_stops_it(kept: Workspace) -> None:
    with pytest.raises(ActionError, match="no push goes on here"):
        stop_transfers(kept, "push")
    assert "give no RUN" in edm(kept.root, "push", "--stop", "--all", rc=2).stderr
    with data_lane(kept, "the test"):
        child = start_push(kept)
        until(lambda: next((t for t in load_transfers(kept.transfers_dir) if t.progress.waiting_for), None))
        assert "no pull goes on here" in edm(kept.root, "pull", "--stop", rc=1).stderr
        assert json.loads(edm(kept.root, "push", "--stop", "--json").stdout)["title"] == "stopped the push"
        assert child.wait(60) == 130
    assert load_transfers(kept.transfers_dir)[0].state == "stopped"


def test_a_killed_one_is_lost_and_a_failed_one_says_why(tmp_path: Path, kept: Workspace) -> None:
    with (kept.edm_dir / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = start_push(kept)
        until(lambda: next((t for t in load_transfers(kept.transfers_dir) if t.progress.waiting_for), None))
        child.kill()
        child.wait()
    assert load_transfers(kept.transfers_dir)[0].state == "lost"
    assert active_transfer(kept.transfers_dir) is None
    (tmp_path / "remote").rmdir()
    (tmp_path / "remote").write_text("no folder")
    with pytest.raises(ActionError):
        push(kept)
    failed = load_transfers(kept.transfers_dir)[0]
    assert failed.state == "failed"
    assert "the bucket or folder is not there" in failed.message
    assert "goes on from there" in failed.hint


def test_old_ones_are_forgotten(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    for _ in range(KEPT + 3):
        with transfer(workspace, "push", ()):
            pass
    assert len(load_transfers(workspace.transfers_dir)) == KEPT + 1
