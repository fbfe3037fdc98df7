"""The tail: lines as they come, where the training is, and a chart that writes only what changed."""

import gc
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot

from edm_core.files import write_json
from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.growing import GrowingRecords
from edm_core.jobs.identity import this_process
from edm_core.jobs.logtimes import LogClock
from edm_core.jobs.usage import GpuUse, Usage
from edm_core.settings import MetricsSettings
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_core.snapshots.runs import RunDetail, RunRow
from edm_tui.screens.curves import Curves
from edm_tui.screens.tail import TailScreen
from edm_tui.screens.tail_header import Rate, state_line, usage_text, with_right
from edm_tui.widgets.log_buffer import MAX_LINES, LogBuffer
from edm_tui.widgets.metric_chart import MetricChart
from edm_tui.widgets.text_line import TextLine
from tests.support.loop_watch import watch_loop
from tests.support.tui_host import HostApp, a_workspace


class Job:
    """A job's folder that a test writes to, as a supervisor would: this process is its child."""

    def __init__(self, root: Path) -> None:
        self.folder = JobFolder(root / ".edm" / "jobs" / "20261123-120000-aaaa")
        self.folder.path.mkdir(parents=True)
        own = this_process().as_json()
        document = {"id": self.folder.id, "created": time.time(), "title": "cnn_a", "command": ["edm", "train"]}
        self._write(self.folder.job_file, {**document, "run_name": "cnn_a", "supervisor": own})
        self._write(self.folder.child_file, own)
        self.folder.log.touch()

    def _write(self, path: Path, document: dict[str, Any]) -> None:
        # As a supervisor does it: a reader never meets half of it.
        write_json(path, document)

    def say(self, text: str) -> None:
        with self.folder.log.open("a", encoding="utf-8") as log:
            log.write(text)

    def progress(self, epoch: int, batch: int = 10, **metrics: float) -> None:
        record = {"t": time.time(), "run_id": "r1", "run_name": "cnn_a", "epoch": epoch, "epochs": 4, "batch": batch,
                  "batches": 10, "metrics": metrics}  # fmt: skip
        with self.folder.progress_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def end(self, state: str = "done", code: int = 0) -> None:
        self._write(self.folder.exit_file, {"state": state, "exit_code": code, "ended": time.time(), "note": ""})

    @property
    def snapshot(self) -> JobSnapshot:
        return load_job(self.folder)


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    """Let the app work until this holds; the test's time limit ends what never does."""
    while not true():
        await pilot.pause(0.02)


def shown(screen: TailScreen, selector: str) -> str:
    return screen.query_one(selector, TextLine).text


def log_text(screen: TailScreen) -> list[str]:
    view = screen.log_view
    return [view.buffer.text(row).plain for row in range(view.buffer.rows)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


async def test_lines_progress_and_metrics_show_as_they_come_and_the_tail_ends_with_the_job(
    tmp_path: Path, job: Job
) -> None:
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(140, 40)) as pilot:
        job.say("epoch 1 begins\n")
        await until(pilot, lambda: log_text(screen) == ["epoch 1 begins"])
        job.progress(1, train_loss=0.9, val_loss=0.8)
        job.progress(2, train_loss=0.5, val_loss=0.6)
        await until(pilot, lambda: "epoch 2/4" in shown(screen, "#tail-state"))
        assert "val_loss 0.6000 (best 0.6000 @2)" in shown(screen, "#tail-metrics")
        chart = screen.query_one("#tail-chart", MetricChart)
        assert [(line.name, line.dashed) for line in chart.lines] == [("train_loss", False), ("val_loss", True)]
        job.say("bye\n")
        job.end()
        await until(pilot, lambda: "done" in shown(screen, "#tail-state") and log_text(screen)[-1] == "bye")


async def test_a_progress_bar_is_one_line(tmp_path: Path, job: Job) -> None:
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        job.say("start\n\r 10%|#  |")
        await until(pilot, lambda: log_text(screen)[-1:] == [" 10%|#  |"])
        job.say("\r 50%|## |")
        await until(pilot, lambda: log_text(screen)[-1] == " 50%|## |")
        assert log_text(screen) == ["start", " 50%|## |"]


async def test_esc_leaves_and_stop_asks_first(tmp_path: Path, job: Job) -> None:
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("x")
        await until(pilot, lambda: app.screen is not screen)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert app.requests == []
        await pilot.press("x")
        await until(pilot, lambda: app.screen is not screen)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("jobs", "stop", job.folder.id)
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TailScreen))


async def test_search_narrows_goes_on_and_esc_peels_one_layer_at_a_time(tmp_path: Path, job: Job) -> None:
    job.say("".join(f"line {number} {'loss' if number % 50 == 0 else 'x'}\n" for number in range(200)))
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: screen.log_view.buffer.lines == 200)
        await pilot.press("slash", *"loss")
        await until(pilot, lambda: "4 match" in shown(screen, "#log-status"))
        await pilot.press("enter")
        assert not screen.log_view.following
        await pilot.press("escape")
        assert screen.log_view.has_focus
        await pilot.press("&")
        assert screen.log_view.buffer.rows == 4
        await pilot.press("escape")
        assert screen.log_view.buffer.rows == 200
        assert not screen.pane.box.display
        await pilot.press("G")
        assert screen.log_view.following


async def test_the_first_error_comes_into_view(tmp_path: Path, job: Job) -> None:
    job.say("".join(f"line {number}\n" for number in range(300)) + "Traceback (most recent call last):\n")
    job.say("ValueError: no\n" + "".join(f"after {number}\n" for number in range(300)))
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: screen.log_view.buffer.lines == 602)
        await pilot.press("!")
        view = screen.log_view
        assert view.top <= 300 < view.top + view.size.height
        assert not view.following


async def test_an_error_before_what_is_shown_of_a_long_log_is_gone_to_and_g_follows_again(
    tmp_path: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edm_tui.screens.tail_feed.WHOLE_BYTES", 1000)
    job.say("ValueError: early\n" + "".join(f"line {number}\n" for number in range(20_000)))
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: screen.log_view.buffer.lines > 0)
        await pilot.press("!")
        await until(pilot, lambda: "at byte 0 of the log" in shown(screen, "#log-status"))
        assert log_text(screen)[0] == "ValueError: early"
        job.say("much later\n")
        await pilot.press("slash", *"line 15000", "enter")
        await until(pilot, lambda: "at byte 153," in shown(screen, "#log-status"))
        view = screen.log_view
        assert "line 15000" in [view.buffer.text(view.top + row).plain for row in range(view.size.height)]
        await pilot.press("escape", "escape", "G")
        await until(pilot, lambda: log_text(screen)[-1:] == ["much later"])
        assert "following" in shown(screen, "#log-status")


async def test_m_shows_when_each_line_came(tmp_path: Path, job: Job) -> None:
    clock = LogClock(job.folder.log, job.folder.times_file)
    job.say("first\n")
    clock.note()
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: log_text(screen) == ["first"])
        await pilot.press("m")
        assert re.fullmatch(r"\d\d:\d\d:\d\d first", log_text(screen)[0])
        job.say("x" * 120 + "\n")
        await until(pilot, lambda: len(log_text(screen)) == 2)
        await pilot.press("w")
        width = screen.log_view.size.width
        assert [len(line) for line in log_text(screen)] == [14, width, 9 + 120 - (width - 9)]
        await pilot.press("m")
        assert log_text(screen)[0] == "first"


async def test_the_header_says_what_the_job_takes_and_what_is_wrong(tmp_path: Path, job: Job) -> None:
    job.folder.alarms_file.write_text('{"alarms": [{"kind": "disk", "text": "the disk is nearly full: 1.0 GB left"}]}')
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: "rss" in shown(screen, "#tail-state"))
        assert "! the disk is nearly full" in shown(screen, "#tail-state")
        job.end()
        await until(pilot, lambda: "rss" not in shown(screen, "#tail-state"))


def test_usage_is_said_in_short() -> None:
    gpu = GpuUse("1", "GPU-x", 87.0, 12_300_000_000, 80_000_000_000)
    assert usage_text(Usage(180.4, 1_200_000_000, 3, (gpu,))).plain == "cpu 180%  rss 1.2 GB  gpu 87% 12.3/80 GB"
    assert usage_text(Usage(None, 900, 1)).plain == "rss 900 B"
    assert with_right(Text("ab"), Text("cd"), 6).plain == "ab  cd"
    assert with_right(Text("abcd"), Text("cd"), 6).plain == "abcd"


async def test_a_run_without_a_job_says_so_and_shows_what_mlflow_has(tmp_path: Path) -> None:
    row = RunRow("r9", "old_run", "FINISHED")
    screen = TailScreen((row,))
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    app.services.details["r9"] = RunDetail(row, histories={"val_loss": ((1, 0.5), (2, 0.4))})
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "0.4000" in shown(screen, "#tail-metrics"))
        assert "no job" in shown(screen, "#tail-state")
        assert "no log was captured" in screen.log_view.note
        await pilot.press("x")
        assert app.screen is screen


async def test_a_log_of_many_lines_is_bounded_and_still_followed(tmp_path: Path, job: Job) -> None:
    job.say("".join(f"line {number}\n" for number in range(MAX_LINES + 5000)))
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: screen.log_view.buffer.lines == MAX_LINES + 5000)
        view = screen.log_view
        assert view.buffer.rows <= MAX_LINES
        assert view.top <= view.buffer.rows - 1 < view.top + view.size.height


def test_wrapped_rows_hold_the_whole_line_and_keep_their_number() -> None:
    buffer = LogBuffer()
    buffer.append([Text("a" * 25), Text("b"), Text("音" * 12)])
    buffer.arrange(width=10, wrapped=True)
    rows = [buffer.text(row).plain for row in range(buffer.rows)]
    assert rows == ["a" * 10, "a" * 10, "a" * 5, "b", "音" * 5, "音" * 5, "音" * 2]
    assert [buffer.line_of(row) for row in range(4)] == [1, 1, 1, 2]
    assert buffer.row_of(3) == 4


def test_replacing_the_last_line_takes_away_all_its_rows() -> None:
    buffer = LogBuffer()
    buffer.append([Text("one"), Text("x" * 30)])
    buffer.arrange(width=10, wrapped=True)
    buffer.replace_last(Text("y"))
    assert [buffer.text(row).plain for row in range(buffer.rows)] == ["one", "y"]


def test_a_record_without_its_end_waits_and_a_shorter_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    records = GrowingRecords(path)
    assert records.poll() == []
    path.write_bytes(b'{"epoch": 1}\n{"epo')
    assert records.poll() == [{"epoch": 1}]
    with path.open("ab") as file:
        file.write(b'ch": 2}\nnot json\n')
    assert records.poll() == [{"epoch": 2}]
    path.write_bytes(b'{"a": 1}\n')
    assert records.poll() == [{"a": 1}]


def test_curves_prefer_what_the_job_said_and_best_follows_the_direction() -> None:
    curves = Curves(MetricsSettings())
    curves.add(2.0, {"val_loss": 0.3, "boundary_f1": 0.5})
    curves.add_histories({"val_loss": [(1, 0.4), (2, 9.0)], "boundary_f1": [(1, 0.7)], "train_loss": [(1, 0.6)]})
    assert curves.points("val_loss") == ((1.0, 0.4), (2.0, 0.3))
    assert curves.best("val_loss") == (2.0, 0.3)
    assert curves.best("boundary_f1") == (1.0, 0.7)
    assert curves.pair() == ["train_loss", "val_loss"]


async def test_a_chart_in_ascii_tells_the_lines_apart(tmp_path: Path) -> None:
    curves = Curves(MetricsSettings())
    for epoch in range(1, 9):
        curves.add(epoch, {"train_loss": 1 / epoch, "val_loss": 2 / epoch})
    chart = MetricChart("loss", ascii_only=True)
    async with HostApp(a_workspace(tmp_path)).run_test(size=(60, 14)) as pilot:
        await pilot.app.mount(chart)
        chart.show(curves.lines())
        await pilot.pause()
        body = "\n".join(chart.render_line(y).text for y in range(14))
    assert {"o", "^"} <= set(body)
    assert not any(0x2800 <= ord(char) <= 0x28FF for char in body)


@pytest.mark.parametrize(
    ("state", "words"), [("queued", "waiting for a slot"), ("failed", "failed (exit 3) at epoch 2/4"), ("lost", "lost")]
)
def test_the_header_says_how_a_job_stands(state: str, words: str) -> None:
    job = JobSnapshot("j", state, "t", (), 0.0, exit_code=3, progress=Progress(epoch=2, epochs=4))
    assert words in state_line("cnn", job, None, ascii_only=True).plain


def test_the_rate_is_of_the_last_records_and_begins_anew_after_a_resume() -> None:
    rate = Rate()
    for second in range(5):
        rate.add(Progress(at=100.0 + second, epoch=1, epochs=2, batch=second * 3, batches=100))
    assert rate.value == pytest.approx(3.0)
    rate.add(Progress(at=200.0, epoch=1, epochs=2, batch=1, batches=100))
    assert rate.value is None


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """As in the app: the collector does not walk what was imported, here with pytest and all the tests."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen_heap")
async def test_a_flood_of_lines_never_holds_the_loop(tmp_path: Path, job: Job) -> None:
    screen = TailScreen((), job.snapshot)
    app = HostApp(a_workspace(tmp_path), lambda: screen)
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: screen.log_view.size.width > 0)
        async with watch_loop() as gaps:
            for part in range(20):
                job.say("".join(f"line {part} {number} {'x' * 60}\n" for number in range(2000)))
                job.progress(part + 1, train_loss=1 / (part + 1), val_loss=1.1 / (part + 1))
                await pilot.pause(0.05)
            await until(pilot, lambda: screen.log_view.buffer.lines == 40_000)
        assert gaps.worst_busy < 0.1
