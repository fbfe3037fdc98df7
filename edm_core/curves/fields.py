"""Params and metrics of runs as places on an axis: numbers, on a log axis where they span decades, or categories."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edm_core.curves.axes import Scale, Ticks, scale_for, short
from edm_core.snapshots.runs import RunRow

PARAM, METRIC = "param", "metric"
MOST_CATEGORIES = 12
"""Different words of an axis that are told apart; the rest shares the last place."""


@dataclass(frozen=True, slots=True)
class Field:
    """One param or metric. `values` are those of the runs, in their order: a number, a word, or None where a run has
    none; `minimised` tells which way a metric gets better."""

    name: str
    kind: str
    values: tuple[float | str | None, ...]
    log: bool = False

    @property
    def numeric(self) -> bool:
        """Whether every value that is there is a number."""
        return not any(isinstance(value, str) for value in self.values)

    @property
    def numbers(self) -> tuple[float, ...]:
        return tuple(value for value in self.values if isinstance(value, float))

    @property
    def words(self) -> tuple[str, ...]:
        """The categories, by their first letter; numbers among them as words."""
        found = sorted({_word(value) for value in self.values if value is not None})
        return tuple([*found[: MOST_CATEGORIES - 1], "…"] if len(found) > MOST_CATEGORIES else found)

    @property
    def varies(self) -> bool:
        """Whether two runs have different values, or one has none."""
        return len(set(self.values)) > 1

    def places(self) -> tuple[float | None, ...]:
        """Where each run stands, from 0 (lowest) to 1; None where it has no value, or none that the axis can show."""
        if not self.numeric:
            words = self.words
            last = max(1, len(words) - 1)
            return tuple(
                None if value is None else (words.index(w) if (w := _word(value)) in words else last) / last
                for value in self.values
            )
        low, high, scale = self._ends()
        found: list[float | None] = []
        for value in self.values:
            place = scale.place(value) if isinstance(value, float) and math.isfinite(value) else math.nan
            found.append(_share(place, low, high) if math.isfinite(place) else None)
        return tuple(found)

    def ticks(self, count: int) -> Ticks:
        """(place from 0 to 1, label) of about `count` values."""
        if not self.numeric:
            words = self.words
            return [(at / max(1, len(words) - 1), word) for at, word in enumerate(words)]
        low, high, scale = self._ends()
        return [(_share(at, low, high), label) for at, label in scale.ticks(low, high, count) if low <= at <= high]

    @property
    def ends(self) -> tuple[str, str]:
        """The lowest and the highest number in few characters."""
        low, high, scale = self._ends()
        return short(scale.value(low)), short(scale.value(high))

    def _ends(self) -> tuple[float, float, Scale]:
        good = [value for value in self.numbers if math.isfinite(value)]
        scale = scale_for(self.log, good)
        places = [place for value in good if math.isfinite(place := scale.place(value))]
        low, high = min(places, default=0.0), max(places, default=1.0)
        return low, high, scale


def fields_of(rows: Sequence[RunRow]) -> list[Field]:
    """Every param and metric that any of the runs has, params first, by name. A param whose numbers are above zero and
    span two decades or more begins on a log axis."""
    params = sorted({name for row in rows for name in row.params})
    metrics = sorted({name for row in rows for name in row.metrics})
    found = [Field(name, PARAM, tuple(_parsed(row.params.get(name)) for row in rows)) for name in params]
    for name in metrics:
        last = [row.metrics.get(name) for row in rows]
        values = [None if m is None else float(m.last if m.best is None else m.best) for m in last]
        found.append(Field(name, METRIC, tuple(values)))
    return [replace(field, log=_spans_decades(field)) if field.kind == PARAM else field for field in found]


def _share(place: float, low: float, high: float) -> float:
    """How far from `low` to `high`; the middle where they are one. Halves keep the widest of spans finite."""
    return (place / 2 - low / 2) / (high / 2 - low / 2) if low < high else 0.5


def _spans_decades(field: Field) -> bool:
    good = [value for value in field.numbers if math.isfinite(value)]
    return field.numeric and bool(good) and min(good) > 0 and max(good) >= 100 * min(good)


def _parsed(text: str | None) -> float | str | None:
    if text is None or text in ("", "None"):
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _word(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
