"""Best values and curves of the runs that come into view: of 100,000 runs they are read only where someone looks."""

import asyncio

from textual import work

from edm_core.errors import EdmError
from edm_tui.messages import ViewMoved
from edm_tui.screens.arranging import Arranging

LOOKED_AT = 0.15
"""Seconds that the view rests before curves are read."""


class Curving(Arranging):
    """A screen with a run table whose rows may lack their curves."""

    def on_view_moved(self, message: ViewMoved) -> None:
        message.stop()
        if any(self._lacking().values()):
            self._read_curves()

    def _lacking(self) -> dict[str, list[str]]:
        """Metric → ids of the runs in view that have it without a curve."""
        settings = self.services.workspace.settings.metrics
        shown = dict.fromkeys((settings.primary, *settings.columns, *self.memory.view.metrics()))
        rows = [row for row in self.table.in_view() if row.run_id]
        return {key: [r.run_id for r in rows if key in r.metrics and not r.metrics[key].spark] for key in shown}

    @work(exclusive=True, group="curves")
    async def _read_curves(self) -> None:
        await asyncio.sleep(LOOKED_AT)
        lacking = {key: ids for key, ids in self._lacking().items() if ids}
        ids = list(dict.fromkeys(run_id for found in lacking.values() for run_id in found))
        try:
            found = await self.services.curves_of(ids, tuple(lacking)) if ids else {}
        except EdmError:
            # The rows say what they said before; what is wrong with the store the next load tells.
            return
        columns = self.frame.columns
        for run_id, summaries in found.items():
            at = columns.places.get(run_id)
            if at is not None:
                for key, summary in summaries.items():
                    columns.add_curve(key, at, summary)
        self.table.repaint()
