"""The runs of one snapshot, ready to be sorted and narrowed: what was computed once is kept for the next key press."""

from collections.abc import Collection, Sequence
from itertools import compress
from typing import Any

from edm_core.query.expressions import Expression
from edm_core.query.held import fitting
from edm_core.settings import MetricsSettings
from edm_core.snapshots.run_builder import view_of
from edm_core.snapshots.run_columns import RunColumns, RunView
from edm_core.snapshots.runs import RunRow
from edm_core.table.fields import Field
from edm_core.table.values import sort_values, texts
from edm_core.table.view import SortKey


class Frame:
    """Positions stand for runs throughout; `newest` has them all, newest first."""

    def __init__(self, rows: Sequence[RunRow], metrics: MetricsSettings) -> None:
        view: RunView = view_of(rows)
        self.columns: RunColumns = view.columns
        self.newest: Sequence[int] = view.order
        self.metrics = metrics
        self._orders: dict[tuple[SortKey, ...], Sequence[int]] = {}
        self._values: dict[Field, Sequence[Any]] = {}
        self._texts: dict[Field, Sequence[Any]] = {}
        self._lowered: list[str] = []
        self._odd: dict[str, int] = {}
        self._masks: dict[tuple[Expression, str | None], bytes] = {}

    def __len__(self) -> int:
        return len(self.newest)

    def row(self, position: int) -> RunRow:
        return self.columns.row(position)

    def row_id(self, position: int) -> str:
        return self.columns.run_ids[position] or self.row(position).row_id

    def position(self, row_id: str) -> int | None:
        """Where the run with this row id is."""
        found = self.columns.places.get(row_id)
        if found is None and ":" in row_id:
            # Folders, trash and jobs without a run have no run id; there are few.
            if not self._odd:
                self._odd = {self.row(at).row_id: at for at in self.columns.here if not self.columns.run_ids[at]}
            found = self._odd.get(row_id)
        return found

    def values(self, field: Field) -> Sequence[Any]:
        """As `sort_values`, kept."""
        if field not in self._values:
            self._values[field] = sort_values(self.columns, field)
        return self._values[field]

    def texts(self, field: Field) -> Sequence[Any]:
        """As `texts`, kept."""
        if field not in self._texts:
            self._texts[field] = texts(self.columns, field)
        return self._texts[field]

    def ordered(self, sort: tuple[SortKey, ...]) -> Sequence[int]:
        """All positions by these keys, the first one the weightiest; equal runs newest first."""
        if not sort:
            return self.newest
        if sort not in self._orders:
            order = self.newest
            for key in reversed(sort):
                order = by_value(order, self.values(key.field), key.down)
            self._orders[sort] = order
        return self._orders[sort]

    def fitting(self, expression: Expression, experiment: str | None) -> bytes:
        """The mask of the runs that fit, as `held.fitting`, kept."""
        asked = expression, experiment
        if asked not in self._masks:
            self._masks[asked] = fitting(expression, self.columns, experiment)
        return self._masks[asked]

    def among(self, run_ids: Collection[str]) -> bytes:
        """The mask of these runs: a byte for each position, 1 where the run is one of them."""
        mask = bytearray(len(self.columns))
        places = self.columns.places
        for run_id in run_ids:
            at = places.get(run_id)
            if at is not None:
                mask[at] = 1
        return bytes(mask)

    def narrowed(self, order: Sequence[int], name: str, mask: bytes | None = None) -> Sequence[int]:
        """Those positions that the mask has (None for all) and whose names hold all words of `name`, whatever the
        case; a word with `!` before it must not be there."""
        if mask is not None:
            order = list(compress(order, map(mask.__getitem__, order)))
        words = name.lower().split()
        if not words:
            return order
        if not self._lowered:
            self._lowered = [one.lower() for one in self.columns.names]
        names = self._lowered
        for word in words:
            if not word.startswith("!"):
                order = [at for at in order if word in names[at]]
            elif len(word) > 1:
                order = [at for at in order if word[1:] not in names[at]]
        return order


def by_value(order: Sequence[int], values: Sequence[Any], down: bool) -> list[int]:
    """The order by value, stable; positions without a value (None or NaN) go last either way."""
    there = [at for at in order if (value := values[at]) is not None and value == value]
    missing = [] if len(there) == len(order) else [at for at in order if (v := values[at]) is None or v != v]
    there.sort(key=values.__getitem__, reverse=down)
    return there + missing
