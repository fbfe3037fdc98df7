"""Being told that a job has ended, once, also through tmux."""

from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.errors import SettingsError
from edm_core.jobs.folder import JobFolder
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import find_workspace
from edm_tui.app import EdmApp
from edm_tui.telling import JobWatch, ending_words, signal_text
from tests.support.jobs import make_workspace
from tests.tui.test_tail import Job, until

JOB = JobSnapshot("a", "running", "title", (), 0.0, run_name="cnn\x1b]0;x\x07")


def test_only_what_was_seen_alive_is_told_and_only_once() -> None:
    watch = JobWatch(since=5.0)
    assert watch.ended([JOB, replace(JOB, id="old", state="failed")]) == []
    over = replace(JOB, state="failed", exit_code=3, note="killed", ended=9.0)
    assert watch.ended([over]) == [over]
    assert watch.ended([over]) == []
    quick = replace(over, id="quick", created=6.0)
    assert watch.ended([over, quick]) == [quick]
    assert watch.ended([over, quick]) == []


def test_the_words_are_plain_and_say_how_it_ended() -> None:
    failed = replace(JOB, state="failed", exit_code=3, note="killed by SIGKILL")
    assert ending_words(failed) == "cnn?]0;x?: failed (exit 3), killed by SIGKILL"
    assert ending_words(replace(JOB, run_name="b", state="done", exit_code=0)) == "b: done"


def test_the_terminal_is_told_as_the_settings_say() -> None:
    assert signal_text("b: done", "bell", {}) == "\a"
    assert signal_text("b: done", "off", {}) == ""
    assert signal_text("b: done", "osc9", {}) == "\x1b]9;b: done\a"
    assert signal_text("b: done", "osc9", {"TMUX": "/tmp/x,1,0"}) == "\x1bPtmux;\x1b\x1b]9;b: done\a\x1b\\\a"


def test_another_word_is_refused(tmp_path: Path) -> None:
    (tmp_path / "edm.toml").write_text('[tui]\ntell = "shout"\n')
    with pytest.raises(SettingsError, match="bell, osc9 or off"):
        find_workspace(tmp_path, {})


async def test_the_interface_rings_when_a_job_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path)
    job = Job(tmp_path)
    app = EdmApp(workspace)
    sent: list[str] = []
    async with app.run_test() as pilot:
        driver = app._driver
        assert driver is not None
        monkeypatch.setattr(driver, "write", sent.append)
        folder = JobFolder(workspace.jobs_dir / job.folder.id)
        await until(pilot, lambda: folder.id in app._watch._alive)
        assert "\a" not in sent
        job.end("failed", 3)
        await until(pilot, lambda: "\a" in sent)
        # The toast is a message of its own, which comes a turn of the loop later.
        await until(pilot, lambda: [toast.message for toast in app._notifications] == ["cnn_a: failed (exit 3)"])
