"""The Runs screen: the table, the pane that explains the run under the cursor, status line and footer."""

import time

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import reactive

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow, RunsSnapshot
from edm_tui import columns
from edm_tui.formatting import age, count
from edm_tui.messages import FilterChanged, RunHighlighted, RunOpened, StoreChanged
from edm_tui.screens.base import EdmScreen
from edm_tui.services import FIRST_PAGE
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.run_detail import DetailPane
from edm_tui.widgets.run_table import RunTable
from edm_tui.widgets.status_line import StatusLine

DETAIL_AFTER = 0.15
"""Seconds that the cursor rests on a run before its files are read."""
NARROW = 100


class RunsScreen(EdmScreen):
    """`first` is what was read before the first frame: runs, the reason why there are none, or None."""

    context = "runs"
    snapshot: reactive[RunsSnapshot | None] = reactive(None, init=False, always_update=True)

    def __init__(self, first: RunsSnapshot | EdmError | None = None) -> None:
        super().__init__()
        self._first = first
        self._filter = ""
        self._fault = ""
        self._pane_cells = 0
        self._look = columns.Look()

    def compose(self) -> ComposeResult:
        settings = self.services.workspace.settings
        yield StatusLine(id="status")
        with Horizontal(id="body"):
            yield RunTable(settings, id="runs")
            yield DetailPane(settings, id="detail")
        yield KeyBar(self.context, id="keys")

    def on_mount(self) -> None:
        self.table.focus()
        if isinstance(self._first, EdmError):
            self._failed(self._first)
        elif self._first is not None:
            self.snapshot = self._first

    # Parts --------------------------------------------------------------------

    @property
    def table(self) -> RunTable:
        return self.query_one("#runs", RunTable)

    @property
    def pane(self) -> DetailPane:
        return self.query_one("#detail", DetailPane)

    @property
    def narrow(self) -> bool:
        return self.size.width < NARROW

    def targets(self) -> tuple[RunRow, ...]:
        marked = self.table.marked()
        if marked:
            return marked
        row = self.table.row
        return () if row is None else (row,)

    # Loading ------------------------------------------------------------------

    def stores_changed(self, message: StoreChanged) -> None:
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            self.snapshot = await self.services.runs()
        except EdmError as error:
            self._failed(error)

    def _failed(self, error: EdmError) -> None:
        """Keep the old rows, dimmed, and say why."""
        self._fault = f"{error.message}" + (f" ({error.hint})" if error.hint else "")
        self.table.stale = True
        self.table.empty = self._fault
        self.table.repaint()
        self._say()

    def watch_snapshot(self, snapshot: RunsSnapshot | None) -> None:
        if snapshot is None:
            return
        self._fault = ""
        self.table.stale = False
        settings = self.services.workspace.settings
        self._look = columns.Look(snapshot.taken or time.time(), columns.best_of(snapshot.rows, settings))
        self.table.empty = "no runs yet: n starts one"
        self._show_rows()

    def _show_rows(self) -> None:
        rows = self.snapshot.rows if self.snapshot is not None else ()
        self.table.show(columns.matching(rows, self._filter), self._look)
        self._explain()
        self._say()

    # Saying -------------------------------------------------------------------

    def _say(self) -> None:
        left, right = self._status()
        self.query_one("#status", StatusLine).say(left, right)
        marks = len(self.table.marked())
        self.query_one("#keys", KeyBar).update_keys(self.reason, f"{marks} marked" if marks else "")

    def _status(self) -> tuple[str, str]:
        snapshot = self.snapshot
        parts = [self.services.workspace.name]
        if snapshot is not None:
            parts += [snapshot.store, snapshot.experiment, f"{count(len(snapshot.rows))} runs"]
        if self._filter:
            parts.append(f"{count(len(self.table.rows))} shown: {self._filter} (esc clears)")
        if self._fault:
            held = f" · rows as of {age(time.time() - self._look.now)} ago" if self._look.now else ""
            parts.append(f"! {self._fault}{held}")
        elif snapshot is not None and snapshot.notice:
            parts.append(snapshot.notice)
        return " · ".join(part for part in parts if part), " · ".join(self.services.running)

    # Detail -------------------------------------------------------------------

    def on_run_highlighted(self, message: RunHighlighted) -> None:
        message.stop()
        self._explain()
        self._say()

    def _explain(self) -> None:
        row = self.table.row
        self.pane.show(row, self._look)
        if row is not None:
            self._read_detail(row)

    @work(exclusive=True, group="detail")
    async def _read_detail(self, row: RunRow) -> None:
        import asyncio

        await asyncio.sleep(DETAIL_AFTER)
        try:
            self.pane.add(await self.services.detail(row))
        except EdmError as error:
            self.notify(error.message, severity="error", markup=False)

    # Moving -------------------------------------------------------------------

    def do_down(self) -> None:
        self.table.move(1)

    def do_up(self) -> None:
        self.table.move(-1)

    def do_top(self) -> None:
        self.table.move_to(0)

    def do_bottom(self) -> None:
        self.table.move_to(len(self.table.rows) - 1)

    def do_page_down(self) -> None:
        self.table.move_page(1)

    def do_page_up(self) -> None:
        self.table.move_page(-1)

    def do_left(self) -> None:
        self.table.scroll_columns(-1)

    def do_right(self) -> None:
        self.table.scroll_columns(1)

    def do_mark(self) -> None:
        self.table.toggle_mark()
        self._say()
