"""A metric's history as charts need it: points, or parts of which the minimum and the maximum are kept."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

Timed = tuple[int, int, float]
"""(step, Unix time in ms, value); the value may be NaN or infinite."""
Span = tuple[int, int]
"""The first and the last step of a stretch, both included."""

EXACT = 1_000
"""A stretch of at most so many points is kept point by point."""
BAD_LIMIT = EXACT
"""How many points that are no numbers a history tells of."""


@dataclass(frozen=True, slots=True)
class History:
    """Samples by step, in parallel tuples. A sample is one point, or a part of the history: then `lows` and `highs` are
    its extremes, so that a spike never disappears, `means` its mean, `counts` how many points it stands for, and
    `steps` and `times` are those of one of them: of the very first and the very last point at the ends."""

    steps: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    lows: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()
    means: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    bad: tuple[Timed, ...] = ()
    """NaN and infinities, by step; at most BAD_LIMIT of them."""
    lowest: tuple[int, float] | None = None
    """(step, value) of the smallest value, the earliest of equals; None where no value is a number."""
    highest: tuple[int, float] | None = None
    last: Timed | None = None
    """The newest point, whether it is a number or not."""
    exact: bool = True
    """Whether every sample is one point."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def total(self) -> int:
        """How many numbers the history holds."""
        return sum(self.counts)


def from_points(points: Sequence[Timed]) -> History:
    """Every point a sample. `points` come by step."""
    good = [point for point in points if math.isfinite(point[2])]
    steps, times, values = zip(*good, strict=True) if good else ((), (), ())
    return History(
        steps, times, values, values, values, (1,) * len(good), bad_of(points), *extremes_of(good),
        points[-1] if points else None,
    )  # fmt: skip


def reduced(points: Sequence[Timed], parts: int, exact: int = EXACT) -> History:
    """The points themselves up to `exact` of them, else `parts` samples of equal width in steps."""
    if len(points) <= exact:
        return from_points(points)
    first, width = points[0][0], points[-1][0] - points[0][0] + 1
    samples = []
    for _, group in groupby(points, key=lambda point: (point[0] - first) * parts // width):
        good = [point for point in group if math.isfinite(point[2])]
        if good:
            samples.append(sample_of(good))
    good = [point for point in points if math.isfinite(point[2])]
    if len(samples) > 1:
        samples[-1] = (*good[-1][:2], *samples[-1][2:])
    steps, times, lows, highs, means, counts = zip(*samples, strict=True) if samples else ((),) * 6
    return History(
        steps, times, lows, highs, means, counts, bad_of(points), *extremes_of(good), points[-1], exact=False
    )  # fmt: skip


def sample_of(points: Sequence[Timed]) -> tuple[int, int, float, float, float, int]:
    """One sample out of one or more numbers: it stands at the step of its first point."""
    values = [value for _, _, value in points]
    return points[0][0], points[0][1], min(values), max(values), math.fsum(values) / len(values), len(values)


def extended(history: History, points: Sequence[Timed]) -> History:
    """The history with newer points behind it, each a sample of its own."""
    if not points:
        return history
    new = from_points(points)
    ends = [end for end in (history.lowest, new.lowest) if end is not None]
    tops = [end for end in (history.highest, new.highest) if end is not None]
    return replace(
        history,
        steps=history.steps + new.steps,
        times=history.times + new.times,
        lows=history.lows + new.lows,
        highs=history.highs + new.highs,
        means=history.means + new.means,
        counts=history.counts + new.counts,
        bad=(history.bad + new.bad)[:BAD_LIMIT],
        lowest=min(ends, key=itemgetter(1), default=None),
        highest=max(tops, key=itemgetter(1), default=None),
        last=new.last,
    )


def unchanged(old: History | None, new: History) -> History:
    """The old object where the new one says the same, so that what is drawn from it stays. NaN equals itself here."""
    return old if old is not None and repr(old) == repr(new) else new


def within(points: Iterable[Timed], span: Span | None) -> list[Timed]:
    """The points of a stretch; all where there is none."""
    return [point for point in points if span is None or span[0] <= point[0] <= span[1]]


def bad_of(points: Iterable[Timed]) -> tuple[Timed, ...]:
    """NaN and infinities, at most BAD_LIMIT."""
    return tuple(point for point in points if not math.isfinite(point[2]))[:BAD_LIMIT]


def extremes_of(good: Sequence[Timed]) -> tuple[tuple[int, float] | None, tuple[int, float] | None]:
    """(step, value) of the smallest and of the largest of these numbers."""
    if not good:
        return None, None
    low, high = min(good, key=itemgetter(2)), max(good, key=itemgetter(2))
    return (low[0], low[2]), (high[0], high[2])
