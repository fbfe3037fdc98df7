"""How the Charts screen reads: what is in view first, later only what is new, and in detail what is zoomed into."""

import asyncio
from collections.abc import Sequence
from importlib import import_module

from textual import work

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_tui.screens.charts_moves import ChartMoves
from edm_tui.screens.reading import ReadingScreen

AT_ONCE = 6
"""Charts that are read together before any is shown."""


class ChartReading(ReadingScreen, ChartMoves):
    """`fault` is what the last reading failed with; `read_once` whether all was read before."""

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""
        self.read_once = False

    async def read(self) -> None:
        first = not self.read_once
        try:
            if first:
                await self._read_page()
            await asyncio.gather(*map(self._read_run, self.book.rows))
            await self._read_rows()
        except EdmError as error:
            self.fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
        else:
            self.fault = ""
        self.read_once = True
        self.show_charts()
        self.looked()
        if first:
            self._read_events()

    async def _read_page(self) -> None:
        """The charts in view, a few at a time: the next are read while these are drawn."""
        titles = self.page()[0]
        plotext = asyncio.ensure_future(self.services.in_thread(import_module, "plotext"))
        parts = [
            [key for title in titles[at : at + AT_ONCE] for key in self.book.metrics(title)]
            for at in range(0, len(titles), AT_ONCE)
        ]
        reading = [
            asyncio.ensure_future(asyncio.gather(*(self._read_run(row, keys) for row in self.book.rows)))
            for keys in parts
        ]
        try:
            await plotext
            for part in reading:
                await part
                # Threads must have what they read next before the drawing holds the loop.
                await asyncio.sleep(0)
                self.show_charts()
        finally:
            await asyncio.gather(*reading, return_exceptions=True)

    async def _read_run(self, row: RunRow, keys: Sequence[str] | None = None) -> None:
        found = await self.services.histories(row, keys, known=self.book.known(row.row_id))
        self.book.learn(row.row_id, found, part=keys is not None)

    async def _read_rows(self) -> None:
        from edm_core.stores.runs import load_rows

        ids = [row.run_id for row in self.book.rows if row.run_id]
        if ids:
            self.book.replace_rows(await self.services.in_thread(load_rows, self.services.workspace, ids))

    @work(group="events")
    async def _read_events(self) -> None:
        """What only TensorBoard's files have of runs that MLflow knows; it takes a process of its own, and time."""
        rows = [row for row in self.book.rows if row.run_id and row.status != "RUNNING"]
        try:
            if rows and await self.services.read_events(rows):
                await asyncio.gather(*map(self._read_run, rows))
                self.show_charts()
        except EdmError as error:
            self.fault = f"! {error.message}"
            self.say()

    def looked(self) -> None:
        if self.enlarged:
            self._refine(self.enlarged)

    @work(exclusive=True, group="refine")
    async def _refine(self, title: str) -> None:
        """Read what is in view in as much detail as the chart has dots."""
        frame = self.pane.frame_of(title)
        if frame is None:
            return
        for row, span, keys in self.book.wanted(title, (self.view.unit, frame.x)):
            try:
                found = await self.services.histories(row, keys, 2 * frame.width, span)
            except EdmError as error:
                self.fault = f"! {error.message}"
            else:
                self.book.learn_fine(row.row_id, span, found)
        self.show_charts()
