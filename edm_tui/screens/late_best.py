"""Best values that a server tells only out of whole histories: read when the order, groups or marks depend on them."""

import time
from typing import Any

from textual import work

from edm_core.errors import EdmError
from edm_core.snapshots.run_columns import RunView
from edm_core.stores.protocols import Progress
from edm_core.table.frame import Frame
from edm_core.table.view import FLAT, TREE
from edm_tui.formatting import clean, count
from edm_tui.screens.curves_in_view import CurvesInView

UNASKED = 1_000
"""So many best values, ten questions, are read for the marks alone; of more, only what is sorted or grouped by."""
SHOWN_EACH = 1.0
"""Seconds between two looks at what was read."""
_JUDGED = ("best", "step", "delta")


class LateBest(CurvesInView):
    """Call `read_best` whenever runs were read or are arranged otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.best_words = ""
        self._best_of: tuple[str, ...] = ()
        self._best_under_way = self._best_cut = self._best_turned = False

    def change(self, **changes: Any) -> None:
        super().change(**changes)
        self.read_best()

    def read_best(self) -> None:
        """Begin to read what is missing, where that is asked for and was not ended; look again at what is asked for
        where a reading goes on."""
        if self._best_under_way:
            self._best_turned = True
        else:
            self._best_under_way = True
            self._read_best()

    def read_best_on(self) -> None:
        """What was ended may begin again."""
        self._best_cut = False

    def cut_best(self) -> bool:
        """End the reading; False where none goes on."""
        going_on = self._best_under_way and bool(self.best_words)
        self._best_cut = self._best_cut or going_on
        return going_on

    def _ordered_by(self) -> tuple[str, ...]:
        """The metrics by whose best values the lines are ordered or summed up."""
        view = self.memory.view
        grouped = self._shown_best() if view.group not in ("", FLAT, TREE) else ()
        return (*grouped, *(key.field.metric for key in view.sort if key.field.kind in _JUDGED))

    def _shown_best(self) -> tuple[str, ...]:
        fields = [column.field for column in self.table.columns]
        return tuple(field.metric for field in fields if field.kind in _JUDGED)

    async def _missing(self) -> tuple[str, ...]:
        ordered, shown = self._ordered_by(), self._shown_best()
        few = shown if shown and await self.services.best_left(tuple(dict.fromkeys(shown))) <= UNASKED else ()
        wanted = tuple(dict.fromkeys([*ordered, *few]))
        return wanted if wanted and await self.services.best_left(wanted) else ()

    @work(group="best")
    async def _read_best(self) -> None:
        try:
            before = -1
            while wanted := await self._missing():
                left = await self.services.best_left(wanted)
                if wanted == self._best_of and left == before and not self._best_turned:
                    # Runs that went away meanwhile, which no answer names.
                    break
                before = left
                if wanted != self._best_of:
                    self._best_of, self._best_cut = wanted, False
                if self._best_cut:
                    return
                self._best_turned = False
                await self.services.read_best(wanted, self._told())
                self._show_best()
            self.best_words = ""
        except EdmError as error:
            # With the next reading of the runs it goes on.
            self.best_words = f"best values: {clean(error.message)}"
        finally:
            self._best_under_way = False
            self.say()

    def _told(self) -> Progress:
        shown_at = time.monotonic()

        def told(key: str, done: int, total: int) -> bool:
            """Called from the thread that reads."""
            nonlocal shown_at
            text = f"best {clean(key)} of {count(done)} of {count(total)} runs"
            self.best_words = f"{text} (r reads on)" if self._best_cut else f"{text}, reading … (esc stops)"
            if time.monotonic() - shown_at >= SHOWN_EACH:
                shown_at = time.monotonic()
                self.call_later(self._show_best)
            return not (self._best_cut or self._best_turned)

        return told

    def _show_best(self) -> None:
        """The same runs in the order that what was read gives them."""
        old = self.frame
        old.columns.made.clear()
        self.frame = Frame(RunView(old.columns, old.newest), old.metrics)
        self.show_rows()
