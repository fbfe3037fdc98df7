"""The tail: a job's log as it comes, where the training is, and its loss. Leaving it stops nothing."""

import asyncio
from collections.abc import Sequence
from importlib import import_module

from textual import work
from textual.app import ComposeResult
from textual.containers import Container

from edm_core.errors import EdmError
from edm_core.jobs.usage import Usage
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import ActionRequested, StoreChanged
from edm_tui.screens.curves import Curves
from edm_tui.screens.log_places import LogPlaces
from edm_tui.screens.tail_feed import News, TailFeed
from edm_tui.screens.tail_header import Rate, metrics_line, state_line, usage_text, with_right
from edm_tui.widgets.cells import plain
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.log_pane import LogPane
from edm_tui.widgets.metric_chart import MetricChart
from edm_tui.widgets.text_line import TextLine

POLL_SECONDS = 0.08
WIDE = 120


class TailScreen(LogPlaces):
    """`rows` holds the run; `job` is given where a job is followed that has no run yet."""

    context = "tail"
    CSS_PATH = "../styles/tail.tcss"

    def __init__(self, rows: Sequence[RunRow], job: JobSnapshot | None = None) -> None:
        super().__init__()
        self.row = rows[0] if rows else None
        self.job = job or (self.row.job if self.row else None)
        self._rate = Rate()
        self._extra = 0
        self._chart_due = False
        self._usage: Usage | None = None

    def compose(self) -> ComposeResult:
        # Kept by reference: a read may end while the screen is being taken down, its widgets first.
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        self._state_line, self._metrics_line = TextLine(id="tail-state"), TextLine(id="tail-metrics")
        self._chart = MetricChart("loss", ascii_only=ascii_only, id="tail-chart")
        self.pane = LogPane(id="tail-log")
        self._bar = KeyBar(self.context, id="keys")
        yield self._state_line
        yield self._metrics_line
        with Container(id="tail-body"):
            yield self._chart
            yield self.pane
        yield self._bar

    def on_mount(self) -> None:
        self.curves = Curves(self.services.workspace.settings.metrics)
        self.log_view.focus()
        self.log_view.note = "nothing in the log yet" if self.job else "no log was captured: this run has no job here"
        self._place()
        self._say()
        self._begin()

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
            self.feed = TailFeed(self.job)
            self._follow(self.feed)
        await self._read_histories()

    def follow_again(self) -> None:
        """Show the end of the log as if the screen had just been opened."""
        if self.job is not None:
            self.feed = TailFeed(self.job)
            self._follow(self.feed)

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
            await asyncio.sleep(0 if feed.behind and not self.away else POLL_SECONDS)

    def _take(self, news: News) -> None:
        before = self.log_view.top
        if not self.away:
            if news.restarted:
                self.log_view.clear()
            self.log_view.feed(news.lines, news.replace_last, news.times)
        for progress in news.progress:
            self._rate.add(progress)
            if progress.metrics:
                self.curves.add(progress.epoch if progress.step is None else progress.step, progress.metrics)
        if any(progress.step is not None for progress in news.progress):
            self._read_again()
        if news.job is not None:
            self.job = news.job
            self._usage = self._usage if news.job.state == "running" else None
        self._usage = news.usage or self._usage
        self._chart_due = self._chart_due or bool(news.progress)
        # A log that scrolls is as much as one tick should send over a slow line: the chart comes with the next.
        if self.log_view.top == before:
            self._draw_chart()
        self._say()

    @work(exclusive=True, group="again")
    async def _read_again(self) -> None:
        """A script that only logs to MLflow: of its steps the progress has some, its history all."""
        if self.row is None:
            await self._read_row().wait()
        await self._read_histories()

    def _draw_chart(self) -> None:
        self._chart_due = False
        self._chart.show(self.curves.lines())

    # Saying -------------------------------------------------------------------

    def _say(self) -> None:
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        name = (self.row.name if self.row else "") or (self.job.run_name or self.job.title if self.job else "")
        state = state_line(name, self.job, self._rate.value, ascii_only=ascii_only)
        metrics, usage = metrics_line(self.curves, self.row), usage_text(self._usage)
        # What the job takes stands at the right of the first line, or of the second where that is too narrow.
        first = state.cell_len + usage.cell_len + 3 <= self.size.width
        self._state_line.say(with_right(state, usage, self.size.width) if first else state)
        self._metrics_line.say(metrics if first else with_right(metrics, usage, self.size.width))
        self.pane.leave = "esc leave (it goes on)" if self.job and self.job.active else "esc leave"
        self.pane.say()
        self._bar.update_keys(self.reason)

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
        chart = self._chart
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
