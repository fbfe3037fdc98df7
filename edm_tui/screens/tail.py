"""The tail: a job's log as it comes, where the training is, and its loss. Leaving it stops nothing."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from edm_core.errors import EdmError
from edm_core.jobs.logtail import find_first_error, is_error
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import ActionRequested, StoreChanged
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.curves import Curves
from edm_tui.screens.tail_feed import News, TailFeed
from edm_tui.screens.tail_header import Rate, metrics_line, state_line
from edm_tui.widgets.cells import plain
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.log_pane import LogPane
from edm_tui.widgets.log_view import LogView
from edm_tui.widgets.metric_chart import MetricChart
from edm_tui.widgets.text_line import TextLine

POLL_SECONDS = 0.2
WIDE = 120


class TailScreen(EdmScreen):
    """`rows` holds the run; `job` is given where a job is followed that has no run yet."""

    context = "tail"
    CSS_PATH = "../styles/tail.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("&", "only_matching", "only lines that match", show=False)]

    def __init__(self, rows: Sequence[RunRow], job: JobSnapshot | None = None) -> None:
        super().__init__()
        self.row = rows[0] if rows else None
        self.job = job or (self.row.job if self.row else None)
        self._rate = Rate()
        self._extra = 0
        self._feed: TailFeed | None = None
        self._chart_due = False

    def compose(self) -> ComposeResult:
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        yield TextLine(id="tail-state")
        yield TextLine(id="tail-metrics")
        with Container(id="tail-body"):
            yield MetricChart("loss", ascii_only=ascii_only, id="tail-chart")
            yield LogPane(id="tail-log")
        yield KeyBar(self.context, id="keys")

    def on_mount(self) -> None:
        self.curves = Curves(self.services.workspace.settings.metrics)
        self.log_view.focus()
        self.log_view.note = "nothing in the log yet" if self.job else "no log was captured: this run has no job here"
        self._place()
        self._say()
        self._begin()

    @property
    def pane(self) -> LogPane:
        return self.query_one("#tail-log", LogPane)

    @property
    def log_view(self) -> LogView:
        return self.pane.view

    def targets(self) -> tuple[RunRow, ...]:
        return () if self.row is None else (self.row,)

    # What is new --------------------------------------------------------------

    def stores_changed(self, message: StoreChanged) -> None:
        self._read_row()

    @work(exclusive=True, group="row")
    async def _read_row(self) -> None:
        """The run as it is now, so that what a verb can do here follows from that; a new job has its run only later."""
        from edm_core.stores.runs import load_rows

        run_id = (self.row.run_id if self.row else "") or (self.job.run_id if self.job else "")
        if not run_id:
            return
        try:
            found = await self.services.in_thread(load_rows, self.services.workspace, [run_id])
        except EdmError as error:
            self.notify(error.message, severity="warning", markup=False)
            return
        self.row = found[0] if found else self.row
        self._say()

    @work(exclusive=True, group="begin")
    async def _begin(self) -> None:
        # The chart's library takes a while to import, during which no key would be heard.
        await self.services.in_thread(import_module, "plotext")
        if self.job is not None:
            self._feed = TailFeed(self.job)
            self._follow(self._feed)
        await self._read_histories()

    async def _read_histories(self) -> None:
        """What MLflow has of the run: all of the chart without a job, the epochs before a resume with one."""
        if self.row is None or not self.row.run_id:
            return
        try:
            detail = await self.services.detail(self.row)
        except EdmError as error:
            self.notify(error.message, severity="warning", markup=False)
            return
        self.curves.add_histories(detail.histories)
        self._draw_chart()
        self._say()

    @work(exclusive=True, group="follow")
    async def _follow(self, feed: TailFeed) -> None:
        while not feed.ended:
            news = await self.services.in_thread(feed.poll)
            if news:
                self._take(news)
            elif self._chart_due:
                self._draw_chart()
            await asyncio.sleep(0 if feed.behind else POLL_SECONDS)

    def _take(self, news: News) -> None:
        if news.restarted:
            self.log_view.clear()
        before = self.log_view.top
        self.log_view.feed(news.lines, news.replace_last)
        for progress in news.progress:
            self._rate.add(progress)
            if progress.metrics:
                self.curves.add(progress.epoch, progress.metrics)
        if news.job is not None:
            self.job = news.job
        self._chart_due = self._chart_due or bool(news.progress)
        # A log that scrolls is as much as one tick should send over a slow line: the chart comes with the next.
        if self.log_view.top == before:
            self._draw_chart()
        self._say()

    def _draw_chart(self) -> None:
        self._chart_due = False
        self.query_one("#tail-chart", MetricChart).show(self.curves.lines())

    # Saying -------------------------------------------------------------------

    def _say(self) -> None:
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        name = (self.row.name if self.row else "") or (self.job.run_name or self.job.title if self.job else "")
        self._show("#tail-state", state_line(name, self.job, self._rate.value, ascii_only=ascii_only))
        self._show("#tail-metrics", metrics_line(self.curves, self.row))
        self.pane.leave = "esc leave (it goes on)" if self.job and self.job.active else "esc leave"
        self.pane.say()
        self.query_one("#keys", KeyBar).update_keys(self.reason)

    def _show(self, selector: str, text: Text) -> None:
        self.query_one(selector, TextLine).say(text)

    # Verbs --------------------------------------------------------------------

    def reason(self, verb: str) -> str:
        """Verbs of this screen that cannot run now."""
        if verb == "stop":
            return "" if self.job is not None and self.job.active else "no job is running"
        if verb == "tail":
            return "you are here"
        if verb == "copy":
            return "" if self.job is not None else "no job, so no log"
        return super().reason(verb)

    def do_stop(self) -> None:
        """Stop the job, after a question: what was trained since the last checkpoint is lost."""
        from edm_tui.dialogs.confirm import ConfirmDialog

        job = self.job
        if job is None:
            return
        name = job.run_name or job.title
        costs = (
            "It leaves the queue." if job.state == "queued" else "The epoch that goes on now is lost; the rest stays."
        )

        def answered(yes: bool | None) -> None:
            if yes:
                argv = ("jobs", "stop", job.id)
                self.app.post_message(ActionRequested("stop", argv, "tracking", f"Stop {name}"))

        self.app.push_screen(ConfirmDialog(f"Stop {name}?", (costs,), "stop"), answered)

    def do_copy(self) -> None:
        """Copy the path of the log."""
        if self.job is not None:
            path = f"{self.job.folder}/log"
            self.app.copy_to_clipboard(path)
            self.notify(f"copied: {plain(path)}", markup=False)

    def do_left(self) -> None:
        """What long lines begin with."""
        self.log_view.action_sideways(-16)

    def do_right(self) -> None:
        """What long lines end with."""
        self.log_view.action_sideways(16)

    def do_first_error(self) -> None:
        """Go to the first line that looks like an error."""
        shown = self.log_view.go_to_first(is_error)
        if self._feed is not None and (not self._feed.whole or self.log_view.buffer.dropped):
            self._look_before(self._feed.log)
        elif not shown:
            self.notify("no error in the log so far", markup=False)

    @work(exclusive=True, group="errors")
    async def _look_before(self, log: Path) -> None:
        """A long log is shown from near its end: its first error may lie before that."""
        found = await self.services.in_thread(find_first_error, log)
        if found is None:
            self.notify("no error in the log so far", markup=False)
        elif not any(found.text == line for line in self.log_view.buffer.plain_lines()):
            self.notify(f"first error, before what is shown, at byte {found.offset:,}: {found.text}", markup=False)

    def do_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.log_view.wrap(not self.log_view.buffer.wrapped)

    def do_filter(self) -> None:
        """Search in the log."""
        self.pane.search()

    def do_open(self) -> None:
        """The next place of what is searched for."""
        self.log_view.find_next(1)

    def action_only_matching(self) -> None:
        self.pane.toggle_only_matching()

    def do_back(self) -> None:
        """One layer: the search line, then what is searched for, then the screen."""
        if not self.pane.back():
            super().do_back()

    # Layout -------------------------------------------------------------------

    def on_resize(self) -> None:
        self._place()

    def _place(self) -> None:
        """Chart beside the log where there is room, above it where there is not."""
        wide = self.size.width >= WIDE
        self.set_class(wide, "-wide")
        chart = self.query_one("#tail-chart", MetricChart)
        if wide:
            chart.styles.width, chart.styles.height = max(30, self.size.width * 2 // 5 + self._extra), "1fr"
        else:
            chart.styles.width, chart.styles.height = "100%", max(5, self.size.height // 3 + self._extra)

    def do_enlarge(self) -> None:
        """More room for the chart."""
        self._extra = min(self._extra + 4, 60)
        self._place()

    def do_shrink(self) -> None:
        """Less room for the chart."""
        self._extra = max(self._extra - 4, -60)
        self._place()
