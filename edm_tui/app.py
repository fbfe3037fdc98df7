"""The application: it owns the services and runs actions in their lanes."""

import asyncio
import gc
import os
import time
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events, work
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.filter import LineFilter
from textual.message import Message
from textual.notifications import SeverityLevel
from textual.screen import Screen

from edm_core.errors import EdmError
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.outcome import Store
from edm_core.snapshots.runs import RunsSnapshot
from edm_core.workspace import Workspace
from edm_tui.ascii_filter import AsciiFilter
from edm_tui.canvas import Canvas, LeanUpdate
from edm_tui.formatting import clean_lines
from edm_tui.key_order import KeyOrder
from edm_tui.messages import ActionFinished, ActionRequested, StoreChanged
from edm_tui.opening import Opening
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.runs import RunsScreen
from edm_tui.services import Services
from edm_tui.settling import Settling
from edm_tui.telling import JobWatch, ending_words, signal_text
from edm_tui.themes import THEMES, suit_background

POLL_SECONDS = 1.0


class EdmApp(Settling, Opening):
    """`edm-tui`. `first` is the run table as read before the first frame, so that this frame holds it."""

    TITLE = "edm-tui"
    CSS_PATH = ["styles/app.tcss", "styles/runs.tcss"]
    ENABLE_COMMAND_PALETTE = False
    COMMANDS: ClassVar[set[Any]] = set()

    def __init__(
        self,
        workspace: Workspace,
        first: RunsSnapshot | EdmError | None = None,
        *,
        token: Hashable = None,
        ascii_only: bool = False,
    ) -> None:
        # Without colours the terminal's own ones are best: Textual then sends none at all.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.services = Services(workspace)
        self.ascii_only = ascii_only
        self._canvas = Canvas()
        self._watch = JobWatch(time.time())
        self._first = first
        self._token = token
        self._said: list[str] = []
        self._keys = KeyOrder(self, super().post_message, lambda: self.form_over is self.screen)
        chosen = workspace.settings.tui.theme
        if self.theme != chosen:
            self.theme = chosen if chosen in self.available_themes else THEMES[0].name
        suit_background(light=not self.current_theme.dark)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, AsciiFilter()] if self.ascii_only else filters

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send to the terminal only the cells that changed."""
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            renderable = LeanUpdate(renderable, self._canvas)
            draws = self._running and not self._closed and not self._batch_count and self._driver is not None
            still = self.screen.outer_size.clamp_offset(self.cursor_position) == self._previous_cursor_position
            if draws and still and not renderable.render_segments(self.console):
                self.post_display_hook()
                return
        super()._display(screen, renderable)

    def post_message(self, message: Message) -> bool:
        if isinstance(message, events.Key) and not message.is_forwarded:
            self._keys.take(message)
            return True
        return super().post_message(message)

    def on_resize(self) -> None:
        self._canvas.forget()

    def on_mount(self) -> None:
        self.call_after_refresh(collect_again)
        self.call_after_refresh(self.settle_jobs)
        self.call_after_refresh(self.mend_moves)
        self.app_resume_signal.subscribe(self, lambda _: self.redraw())
        self.set_interval(POLL_SECONDS, self._poll, name="poll")

    def get_default_screen(self) -> RunsScreen:
        return RunsScreen(self._first)

    # What changed ------------------------------------------------------------

    @work(exclusive=True, group="poll")
    async def _poll(self) -> None:
        self.services.ask_engines()
        try:
            token = await self.services.change_token()
        except EdmError as error:
            token = error.message
        first_look = self._token is None
        if first_look:
            # The first frame was as the disk remembered it.
            self._token = self.services.token_before
        changed = token != self._token
        if self._token is not None and changed:
            self._tell(("runs", "models", "data", "jobs"))
        self._token = token
        if changed or first_look:
            # Jobs are looked at once in any case, so that those alive are known when they end.
            self._tell_ended(self._watch.ended(await self.services.jobs()))
        before = self.services.running
        for news in await self.services.news():
            self.notify(news.text, severity=news.level, timeout=12, markup=False)
            self._tell(("runs", "data") if news.data_changed else ())
        if self.services.running != before or self._said != before:
            self._said = self.services.running
            self._say()

    def _tell_ended(self, jobs: Sequence[JobSnapshot]) -> None:
        """Jobs that ended while we were open: a toast, and what [tui] tell says."""
        for job in jobs:
            words = ending_words(job)
            self.notify(words, severity="information" if job.state in ("done", "stopped") else "error", markup=False)
            sign = signal_text(words, self.services.workspace.settings.tui.tell, os.environ)
            if self._driver is not None and sign:
                self._driver.write(sign)

    def _tell(self, stores: tuple[Store, ...]) -> None:
        """Every screen on the stack that shows these stores reads them again."""
        for screen in self.screen_stack:
            if isinstance(screen, EdmScreen):
                screen.tell(StoreChanged(stores))

    def _say(self) -> None:
        """The screen in front says which actions go on."""
        if isinstance(self.screen, EdmScreen):
            self.screen.say()

    def redraw(self) -> None:
        self._canvas.forget()
        self.screen.refresh(layout=True)

    # Actions -----------------------------------------------------------------

    def on_action_requested(self, message: ActionRequested) -> None:
        message.stop()
        self._act(message)

    @work(group="actions")
    async def _act(self, request: ActionRequested) -> None:
        self.call_later(self._say)
        try:
            outcome = await self.services.verb(*request.argv, lane=request.lane, title=request.title)
        except EdmError as error:
            self.show_error(f"{request.title}: {error.message}", error.hint)
            self._tell(("runs", "models", "data", "jobs"))
        else:
            severity: SeverityLevel = "warning" if outcome.level == "warning" else "information"
            text = "\n".join(filter(None, (outcome.title, outcome.detail)))
            self.notify(clean_lines(text), severity=severity, markup=False)
            self._tell(outcome.stale)
            for screen in self.screen_stack:
                if isinstance(screen, EdmScreen):
                    screen.finished(ActionFinished(request.verb, outcome))
        self._say()

    # Screens and dialogs ------------------------------------------------------

    def do_runs(self) -> None:
        """Back to the Runs screen."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def show_run(self, run_id: str) -> None:
        """The Runs screen with the cursor on this run, its detail open."""
        self.do_runs()
        if isinstance(self.screen, RunsScreen):
            self.screen.open_run(run_id)

    @work(exclusive=True, group="undo")
    async def do_undo(self) -> None:
        from edm_tui.screens.asking import ask_undo

        request = ActionRequested("undo", ("undo",), "data", "Undo")
        await ask_undo(self, lambda: self.post_message(request))

    def do_quit(self) -> None:
        self.exit()

    def action_help_quit(self) -> None:
        """ctrl+c: jobs go on whatever is pressed, and quitting has a key of its own."""
        self.notify("q quits; jobs go on", markup=False)

    def run_here(self, mouse: bool) -> int:
        """Run to the end in a loop that waits for no thread; returns the exit status, the terminal restored."""
        loop = asyncio.new_event_loop()
        loop.run_until_complete(self.run_async(mouse=mouse))
        return self.return_code or 0


def collect_again() -> None:
    """Let the collector work again, on what comes from here on."""
    gc.freeze()
    gc.enable()
