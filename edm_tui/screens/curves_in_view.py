"""Curves of the runs in view: of many runs none are read before someone looks at them."""

import asyncio
from collections.abc import Sequence

from textual import work

from edm_core.errors import EdmError
from edm_core.snapshots.run_columns import MISSING
from edm_core.snapshots.runs import RunRow
from edm_tui.screens.arranging import Arranging
from edm_tui.screens.resting import Rest

LOOK_AFTER = 0.05
"""Seconds that a moving view rests before its curves are read."""


class CurvesInView(Arranging):
    """Call `look` whenever other runs or columns may have come into view."""

    def __init__(self) -> None:
        super().__init__()
        self._looked: set[tuple[str, int]] = set()
        """(metric, position) of what was asked since the last reading: a run without a curve is not asked again at each
        move."""
        self._reading: dict[str, list[int]] = {}
        self._view_rest = Rest(LOOK_AFTER)

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        super().set_rows(rows)
        self._looked.clear()
        self._reading = {}

    def look(self) -> None:
        wanted = self._wanted_curves()
        if wanted and wanted != self._reading:
            self._reading = wanted
            self._read_curves(self._view_rest.moved())

    def ids_in_view(self) -> list[str]:
        """The runs that the table shows now."""
        runs = self.frame.columns
        return [runs.run_ids[at] for at in self.table.runs_in_view() if at < len(runs) and runs.run_ids[at]]

    def _wanted_curves(self) -> dict[str, list[int]]:
        """Metric → positions in view whose curves are not there and were not asked for."""
        found: dict[str, list[int]] = {}
        runs = self.frame.columns
        for metric in self.table.curves_shown():
            column = runs.metrics.get(metric)
            if column is not None:
                found[metric] = [
                    at for at in self.table.runs_in_view()
                    if runs.run_ids[at] and column.last_step[at] != MISSING and at not in column.sparks
                    and (metric, at) not in self._looked
                ]  # fmt: skip
        return {metric: wanted for metric, wanted in found.items() if wanted}

    @work(exclusive=True, group="curves")
    async def _read_curves(self, wait: float) -> None:
        await asyncio.sleep(wait)
        runs, wanted = self.frame.columns, self._wanted_curves()
        places = sorted({at for some in wanted.values() for at in some})
        if not places:
            return
        try:
            found = await self.services.summaries([runs.run_ids[at] for at in places], list(wanted))
        except EdmError:
            # The reading of the table tells the same; without curves it can be used all the same.
            return
        if runs is not self.frame.columns:
            return
        self._looked |= {(metric, at) for metric, some in wanted.items() for at in some}
        for at in places:
            for metric, summary in found.get(runs.run_ids[at], {}).items():
                runs.add_curve(metric, at, summary)
        self.table.repaint()
