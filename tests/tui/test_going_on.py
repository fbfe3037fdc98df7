"""What the status line says while verbs wait and pushes go on, whoever began them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from edm_core.actions.keep import keep
from edm_core.actions.transfer import transfer
from edm_core.jobs.transfers import load_transfers
from edm_core.journal import Journal
from edm_core.lock import data_lane
from edm_core.settings import Settings
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.storage import Shared
from edm_core.snapshots.transfers import TransferProgress, TransferSnapshot
from edm_core.stores.data_states import data_states
from edm_core.stores.runs import find_run, load_runs
from edm_core.workspace import Workspace
from edm_tui.app import EdmApp
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.going_on import GoingOn, transfer_words
from edm_tui.screens.asking import shared_lines
from edm_tui.screens.base import EdmScreen
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.status_line import StatusLine
from tests.support.rows import a_row
from tests.support.versioning import git, make_run, new_workspace


def a_push(**fields: Any) -> TransferSnapshot:
    return TransferSnapshot("id", "push", (), "running", 0.0, "", progress=TransferProgress(**fields))


@pytest.mark.parametrize(
    ("push", "words"),
    [
        (a_push(phase="data", bytes_done=1_116_000_000, bytes_total=1_800_000_000, rate=52e6, eta=14.2),
         "pushing 62% 1.1/1.8 GB 52 MB/s 14s"),
        (a_push(phase="data", bytes_done=4_100_000, bytes_total=41_000_000), "pushing 10% 4/41 MB"),
        (a_push(phase="look"), "pushing: looking what is lacking"),
        (a_push(phase="wait", waiting_for="pid 7 (dvc add, for 3 s)"), "push: waiting for pid 7 (dvc add, for 3 s)"),
    ],
)  # fmt: skip
def test_a_push_in_words(push: TransferSnapshot, words: str) -> None:
    assert transfer_words(push) == words


def test_transfers_of_others_are_shown_and_their_end_is_told_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Settings())
    going = GoingOn(workspace.transfers_dir)
    assert going.news() == []
    with transfer(workspace, "push", ()) as job:
        job.data("data", 50, 100, 1, 2)
        assert going.news() == []
        assert going.words() == ["pushing 50% 50/100 B"]
        job.end(Outcome("pushed 1 pointer to nas, verified there"))
    (news,) = going.news()
    assert (news.level, news.text) == ("information", "pushed 1 pointer to nas, verified there")
    assert going.words() == []
    assert going.news() == []


def test_what_a_run_shares_stays_when_it_is_discarded() -> None:
    rows = (a_row("one"),)
    shared = (Shared(("one", "two"), 1_000_000, 2), Shared(("two", "three"), 5, 1))
    assert shared_lines(shared, rows) == ["Shared with two: 2 files (1.0 MB) in DVC's cache, which stay."]
    assert shared_lines(shared[1:], rows) == []


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path, remote=True, git_remote=True)


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        await pilot.pause(0.05)


def status(app: EdmApp) -> str:
    return app.screen.query_one("#status", StatusLine).text


async def test_who_holds_the_lock_is_named_while_the_verb_waits(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    held, go = workspace.root / ".held", workspace.root / ".go"
    script = (
        "import fcntl, os, pathlib, sys, time\n"
        f"handle = os.open({str(workspace.root / '.dvc/tmp/lock')!r}, os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(handle, fcntl.LOCK_EX)\n"
        "os.ftruncate(handle, 0); os.write(handle, f'{os.getpid():>6}\\n'.encode())\n"
        f"pathlib.Path({str(held)!r}).touch()\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n"
    )
    (workspace.root / ".dvc/tmp").mkdir(exist_ok=True)
    other = subprocess.Popen([sys.executable, "-c", script, "dvc add big"])
    while not held.exists():
        await asyncio.sleep(0.02)
    app = EdmApp(workspace, load_runs(workspace))
    try:
        async with app.run_test(size=(160, 30)) as pilot:
            await pilot.press("K")
            await until(pilot, lambda: f"waiting for DVC's lock: pid {other.pid} (" in status(app))
            assert any(f"pid {other.pid}" in one.message for one in app._notifications)
            go.touch()
            await until(pilot, lambda: data_states(workspace)["cnn"].word == "kept")
            await until(pilot, lambda: not app.services.running)
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("screen", ["1", "6"])
async def test_x_stops_a_push_after_asking(workspace: Workspace, screen: str) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    app = EdmApp(workspace, load_runs(workspace))
    with data_lane(workspace, "the test"):
        async with app.run_test(size=(160, 30)) as pilot:
            await pilot.press("P" if screen == "1" else "6")
            await until(
                pilot, lambda: screen == "1" or (isinstance(app.screen, EdmScreen) and not app.screen.reason("push"))
            )
            await pilot.press("P" if screen == "6" else "tab")
            await until(pilot, lambda: f"push: waiting for pid {os.getpid()}" in status(app))
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            assert isinstance(app.screen, ConfirmDialog)
            assert "Stop the push?" in app.screen.text
            assert "What has arrived stays" in app.screen.text
            await pilot.press("enter")
            await until(pilot, lambda: load_transfers(workspace.transfers_dir)[0].state == "stopped")
            await until(pilot, lambda: not app.services.running)
            assert any("it was stopped" in one.message for one in app._notifications)
    assert data_states(workspace)["cnn"].word == "kept"


async def test_undo_after_a_push_asks_before_it_goes_further_back(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    journal = Journal(workspace)
    journal.done(journal.begin("push", "cnn").id)
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(160, 30)) as pilot:
        await until(pilot, lambda: "undo keep cnn" in app.screen.query_one(KeyBar).render_line(0).text)
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert isinstance(app.screen, ConfirmDialog)
        assert "push cnn came after it" in app.screen.text
        assert "a push is not undone" in app.screen.text
        await pilot.press("escape")
        assert data_states(workspace)["cnn"].word == "kept"


async def test_a_push_outlives_a_killed_interface_and_the_next_one_shows_it(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    # Whoever pushes waits for this lock, so that the push goes on for as long as the test wants.
    script = "import asyncio, sys\nfrom pathlib import Path\nfrom edm_core.workspace import find_workspace\n" + (
        "from edm_core.stores.runs import load_runs\nfrom edm_tui.app import EdmApp\n"
        "async def main():\n"
        "    workspace = find_workspace(Path(sys.argv[1]), {})\n"
        "    app = EdmApp(workspace, load_runs(workspace))\n"
        "    async with app.run_test(size=(160, 30)) as pilot:\n"
        "        await pilot.press('P')\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with data_lane(workspace, "the test"):
        first = subprocess.Popen([sys.executable, "-c", script, str(workspace.root)])
        while not list(workspace.transfers_dir.glob("*/progress.jsonl")):
            await asyncio.sleep(0.05)
            assert first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.wait()
        app = EdmApp(workspace, load_runs(workspace))
        async with app.run_test(size=(160, 30)) as pilot:
            await until(pilot, lambda: f"push: waiting for pid {os.getpid()}" in status(app))
    async with (app := EdmApp(workspace, load_runs(workspace))).run_test(size=(160, 30)) as pilot:
        await until(pilot, lambda: data_states(workspace)["cnn"].word == "pushed")
        # git goes last, after the data was seen on the remote.
        await until(pilot, lambda: git(workspace.root, "rev-list", "--count", "HEAD", "--not", "--remotes") == "0")
        await until(pilot, lambda: not app.services.running)
