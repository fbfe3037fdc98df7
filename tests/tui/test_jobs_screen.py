"""The Jobs screen: grouped, in the order of their turn, stopped and held as a batch, opened as runs."""

from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from edm_core.snapshots.jobs import Alarm, JobSnapshot, Progress
from edm_core.snapshots.runs import RunRow
from edm_tui.screens.job_lines import in_turn, job_lines, state_words
from edm_tui.screens.jobs import JobsScreen
from edm_tui.screens.tail import TailScreen
from edm_tui.widgets.status_line import StatusLine
from tests.support.tui_host import HostApp, a_workspace

RUNNING = JobSnapshot(
    "j3", "running", "cnn_c", (), 30.0, started=31.0, run_name="cnn_c", run_id="r3",
    progress=Progress(at=61.0, epoch=2, epochs=4, batch=10, batches=10, metrics={"val_loss": 0.5}),
    alarms=(Alarm("flat", "val_loss has not improved for 12 epochs (best at 2)"),),
)  # fmt: skip
WAITING = (
    JobSnapshot("j6", "queued", "last", (), 60.0, rank=60.0),
    JobSnapshot("j5", "queued", "held", (), 50.0, held=True, rank=50.0),
    JobSnapshot("j4", "queued", "moved up", (), 70.0, rank=1.0),
)
FAILED = JobSnapshot(
    "j1", "failed", "bad", (), 1.0, started=2.0, ended=5.0, exit_code=3, note="killed", folder="/none/j1"
)  # fmt: skip
ALL = (*WAITING, RUNNING, FAILED)


async def settled(app: App[None], pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostApp:
    rows = {"r3": RunRow("r3", "cnn_c")}
    monkeypatch.setattr("edm_core.stores.runs.load_rows", lambda workspace, ids: tuple(rows[one] for one in ids))
    made = HostApp(a_workspace(tmp_path), lambda: JobsScreen(()))
    made.services.job_list = ALL
    return made


def screen_of(app: HostApp) -> JobsScreen:
    assert isinstance(app.screen, JobsScreen)
    return app.screen


def test_jobs_are_grouped_and_the_waiting_ones_in_the_order_of_their_turn() -> None:
    _, lines = job_lines(ALL, "val_loss", 70.0, 160, ascii_only=False)
    assert [line.key for line in lines] == ["", "j3", "", "j4", "j5", "j6", "", "j1"]
    running = lines[1].text.plain
    for part in ("2/4", "30s", "val_loss 0.5000", "! val_loss has not improved for 12 epochs"):
        assert part in running
    assert "waits, 1." in lines[3].text.plain
    assert "on hold" in lines[4].text.plain
    assert "waits, 2." in lines[5].text.plain
    assert "failed 3" in lines[7].text.plain
    assert "killed" in lines[7].text.plain
    _, narrow = job_lines((RUNNING,), "val_loss", 70.0, 60, ascii_only=False)
    assert all(line.text.cell_len <= 60 for line in narrow)
    assert [job.id for job in in_turn(ALL)] == ["j4", "j5", "j6"]


def test_where_a_job_runs_has_a_column_where_there_is_something_to_say() -> None:
    header, _ = job_lines((RUNNING,), "val_loss", 70.0, 160, ascii_only=False)
    assert "where" not in header.plain
    on_gpu = JobSnapshot("j9", "running", "x", (), 0.0, place="gpu 1")
    header, lines = job_lines((on_gpu,), "val_loss", 70.0, 160, ascii_only=False)
    assert "where" in header.plain
    assert "gpu 1" in lines[1].text.plain


def test_a_job_that_says_nothing_is_silent() -> None:
    job = JobSnapshot("a", "running", "a", (), 0.0, silent_since=0.0)
    assert state_words(job, 14.5 * 60) == "silent 14m"


async def test_x_stops_the_marked_jobs_after_one_question(app: HostApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("space", "space")
        assert "2 marked" in str(app.screen.query_one(StatusLine).text)
        await pilot.press("x", "y")
        await settled(app, pilot)
        assert [request.argv for request in app.requests] == [("jobs", "stop", "j3", "j4")]
        await pilot.press("G")
        assert screen_of(app).reason("stop") == "no job is running"


async def test_waiting_jobs_are_held_released_and_moved(app: HostApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        assert screen_of(app).reason("hold") == "not waiting"
        await pilot.press("j", "h", "b", "j", "h", "u", "j", "u", "b")
        await settled(app, pilot)
        assert [request.argv[1:] for request in app.requests] == [
            ("hold", "j4"), ("move", "j4", "--before", "j6"), ("hold", "j5", "--release"),
            ("move", "j5", "--before", "j4"), ("move", "j6", "--before", "j5"),
        ]  # fmt: skip
        assert screen_of(app).reason("later") == "no job waits after it"


async def test_enter_opens_the_run_or_the_log_of_a_job_without_one(app: HostApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        assert [row.name for row in screen_of(app).targets()] == ["cnn_c"]
        await pilot.press("enter")
        assert app.shown == ["r3"]
        await pilot.press("G")
        assert [(row.name, row.job) for row in screen_of(app).targets()] == [("bad", FAILED)]
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, TailScreen)
        assert app.screen.job is not None
        assert app.screen.job.id == FAILED.id
