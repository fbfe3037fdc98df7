"""Going to places in a log: first error, what is searched for, also where it lies before what is shown."""

from collections.abc import Callable
from pathlib import Path

from textual import on, work
from textual.widgets import Input

from edm_core.jobs.logsearch import FoundLine, find_first_error, find_text, is_error
from edm_core.snapshots.jobs import JobSnapshot
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.tail_feed import TailFeed
from edm_tui.widgets.log_pane import LogPane
from edm_tui.widgets.log_view import LogView


class LogPlaces(EdmScreen):
    """A screen with a log that it feeds. While `away`, another place of the log is shown than its end."""

    pane: LogPane
    job: JobSnapshot | None
    feed: TailFeed | None = None
    away = False

    @property
    def log_view(self) -> LogView:
        return self.pane.view

    @property
    def _partly(self) -> bool:
        """Whether the log has lines that are not in the view."""
        return self.feed is not None and (not self.feed.whole or self.away or self.log_view.buffer.dropped > 0)

    def follow_again(self) -> None:
        """Show the end of the log as if the screen had just been opened."""
        raise NotImplementedError

    # Verbs --------------------------------------------------------------------

    def do_left(self) -> None:
        """What long lines begin with."""
        self.log_view.action_sideways(-16)

    def do_right(self) -> None:
        """What long lines end with."""
        self.log_view.action_sideways(16)

    def do_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.log_view.wrap(not self.log_view.buffer.wrapped)

    def do_times(self) -> None:
        """When each line came, or not."""
        self.log_view.show_times(not self.log_view.buffer.with_times)

    def do_filter(self) -> None:
        """Search in the log."""
        self.pane.search()

    def do_only_matching(self) -> None:
        """Only the lines that match, or all."""
        self.pane.toggle_only_matching()

    def do_open(self) -> None:
        """The next place of what is searched for."""
        self._search_on()

    def do_first_error(self) -> None:
        """Go to the first line of the whole log that looks like an error."""
        if self._partly and self.feed is not None:
            self._go_to_found(self.feed.log, find_first_error, "no error in the log so far")
        elif not self.log_view.go_to_first(is_error):
            self.notify("no error in the log so far", markup=False)

    @on(Input.Submitted, "#log-search")
    def _search_on(self) -> None:
        """The next line that matches; where none is in view, the first of the whole log."""
        text = self.pane.box.value
        if not self.log_view.find_next(1) and text and self._partly and self.feed is not None:
            self._go_to_found(self.feed.log, lambda log: find_text(log, text), f"{text} is not in the log")

    # Elsewhere in the log -------------------------------------------------------

    @work(exclusive=True, group="places")
    async def _go_to_found(self, log: Path, find: Callable[[Path], FoundLine | None], none: str) -> None:
        shown, self.pane.elsewhere = self.pane.elsewhere, "looking through the whole log …"
        self.pane.say()
        found = await self.services.in_thread(find, log)
        job = self.job
        if found is None or job is None:
            self.pane.elsewhere = shown
            self.pane.say()
            self.notify(none, markup=False)
            return
        news = await self.services.in_thread(TailFeed(job).window, found.offset)
        self.away = True
        view = self.log_view
        view.following = False
        view.clear()
        view.feed(news.lines, times=news.times)
        view.go_to_first(lambda line: line == found.text)
        self.pane.elsewhere = f"at byte {found.offset:,} of the log, G follows its end"
        self.pane.say()

    @on(LogView.Moved)
    def _back_at_the_end(self) -> None:
        """Following again: the end of the log takes the place of what was looked at."""
        if self.away and self.log_view.following and self.feed is not None:
            self.away = False
            self.pane.elsewhere = ""
            self.log_view.clear()
            self.follow_again()
