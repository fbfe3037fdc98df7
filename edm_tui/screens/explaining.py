"""The pane beside the run table, which explains the run under the cursor; enter gives it the keys."""

import asyncio

from textual import events, work

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import RunHighlighted, RunOpened
from edm_tui.run_cells import Look
from edm_tui.screens.late_best import LateBest
from edm_tui.screens.resting import Rest
from edm_tui.screens.run_filter import RunFilter
from edm_tui.widgets.run_detail import DetailPane

DETAIL_AFTER = 0.25
"""Seconds that a moving cursor rests on a run before its files are read."""
NARROW = 110
"""Cells below which the detail does not stand beside the table but takes its place."""
WIDE = 150
"""Cells from which the detail has its full width."""
PANE_STEP, PANE_LEAST, TABLE_LEAST = 8, 28, 40


class Explaining(LateBest):
    """Call `explain` whenever another run may be under the cursor, or more is known of it."""

    pane: DetailPane

    def __init__(self) -> None:
        super().__init__()
        self._explained: RunRow | None = None
        self._rest = Rest(DETAIL_AFTER)
        self._to_open = ""
        self._pane_cells = 0

    @property
    def look_of_runs(self) -> Look:
        """What cells are drawn against."""
        raise NotImplementedError

    def explain(self) -> None:
        row = self.table.row
        self.pane.show(row, self.look_of_runs)
        if row is not None and row is not self._explained:
            self._read_detail(row, self._rest.moved())
        self._explained = row

    @work(exclusive=True, group="detail")
    async def _read_detail(self, row: RunRow, wait: float) -> None:
        await asyncio.sleep(wait)
        try:
            self.pane.add(await self.services.detail(row))
        except EdmError as error:
            self.pane.fail(row, error.message)

    def on_run_highlighted(self, message: RunHighlighted) -> None:
        message.stop()
        self.explain()
        self.say()
        self.look()

    # Opening ------------------------------------------------------------------

    @property
    def opened(self) -> bool:
        """Whether the detail has the keys."""
        return self.has_class("-open")

    def on_run_opened(self, message: RunOpened) -> None:
        message.stop()
        self.do_open()

    def do_open(self) -> None:
        """The detail takes the keys; where the screen is narrow it takes the table's place."""
        if self.table.group is not None:
            self.do_fold()
        elif self.table.row is not None:
            self.set_class(True, "-open")
            self.pane.focus()
            self.say()

    def close_detail(self) -> None:
        self.set_class(False, "-open")
        self.table.focus()
        self.say()

    def open_run(self, run_id: str) -> None:
        """Put the cursor on a run and open its detail, once it is read; a filter that hides it goes away."""
        self._to_open = run_id
        self.open_wanted()
        if self._to_open and self.narrowed:
            self.narrowed = RunFilter()
            self.show_rows()

    def open_wanted(self) -> None:
        """Open the run that was asked for, where it is there by now."""
        if self._to_open:
            self.reveal(self._to_open)
            if self._to_open and self.table.row is not None and self.table.row.run_id == self._to_open:
                self._to_open = ""
                self.do_open()

    # Size ---------------------------------------------------------------------

    def do_enlarge(self) -> None:
        self._resize_pane(PANE_STEP)

    def do_shrink(self) -> None:
        self._resize_pane(-PANE_STEP)

    def _resize_pane(self, step: int) -> None:
        most = max(PANE_LEAST, self.size.width - TABLE_LEAST)
        now = self._pane_cells or self.pane.size.width
        self._pane_cells = min(max(PANE_LEAST, now + step), most)
        self.pane.styles.width = self._pane_cells

    def on_resize(self, event: events.Resize) -> None:
        width = event.size.width
        self.set_class(width < NARROW, "-narrow")
        self.set_class(NARROW <= width < WIDE, "-medium")
