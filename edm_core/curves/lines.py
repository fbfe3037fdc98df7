"""What a chart shows and where: lines, the view of them, the ranges of its axes, and places in dots."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edm_core.curves.axes import Scale, XUnit, nice_bounds, scale_for
from edm_core.curves.history import History
from edm_core.curves.plotted import Dot
from edm_core.curves.polyline import Stretch
from edm_core.curves.smoothing import smoothed

Range = tuple[float, float]
_FAR_BELOW = 1e9


@dataclass(frozen=True, slots=True)
class Line:
    """One run's metric in a chart. `start_ms` is where relative time begins; `epochs` is the run's metric that tells
    the epoch of a step, None where steps are epochs."""

    name: str
    history: History
    mark: str = "●"
    dashed: bool = False
    start_ms: int | None = None
    epochs: History | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands at a place of a line: one value, or mean and extremes of `count` values."""

    step: int
    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """How a chart is looked at. Ranges are in values of the axis; None shows everything. `growing` rounds the end of x
    up, so that the axis stays while points come."""

    unit: XUnit = "step"
    x: Range | None = None
    y: Range | None = None
    log: bool = False
    smooth: float = 0.0
    clip: bool = False
    growing: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot lies in the picture, and what its edges mean. `y` is in places of the scale."""

    left: int
    width: int
    height: int
    x: Range
    y: Range
    scale: Scale

    def column_of(self, x: float) -> int:
        """The cell column of an x value; may lie outside."""
        return self.left + round((x - self.x[0]) / (self.x[1] - self.x[0]) * (2 * self.width - 1)) // 2

    def dot_of(self, x: float, place: float) -> Dot:
        """The dot of an x value and a place of the scale."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0]) * (2 * self.width - 1)
        return across, (place - self.y[0]) / (self.y[1] - self.y[0]) * (4 * self.height - 1)

    def x_at(self, column: int) -> float:
        """The x value in the middle of a cell column."""
        return self.x[0] + (column - self.left + 0.5) / self.width * (self.x[1] - self.x[0])


def xs_of(line: Line, unit: XUnit) -> Sequence[float]:
    """The x values of a line's samples; seconds for both kinds of time."""
    history = line.history
    if unit == "step":
        return history.steps
    if unit == "epoch":
        return [epoch_of(line, step) for step in history.steps]
    start = _start(line) if unit == "relative" else 0
    return [(at - start) / 1000 for at in history.times]


def x_of(line: Line, unit: XUnit, step: int, at: int) -> float:
    """The x value of one point."""
    if unit == "step":
        return step
    if unit == "epoch":
        return epoch_of(line, step)
    return (at - (_start(line) if unit == "relative" else 0)) / 1000


def epoch_of(line: Line, step: int) -> float:
    """The epoch of a step: as logged there, in between as far on as the step is, the step itself where none was."""
    if line.epochs is None or not line.epochs.steps:
        return step
    steps, values = line.epochs.steps, line.epochs.highs
    after = bisect_left(steps, step)
    if after == 0 or after == len(steps) or steps[after] == step:
        return values[min(after, len(steps) - 1)]
    share = (step - steps[after - 1]) / (steps[after] - steps[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])


def _start(line: Line) -> int:
    if line.start_ms is not None:
        return line.start_ms
    return line.history.times[0] if line.history.times else 0


def next_x(lines: Sequence[Line], unit: XUnit, x: float, direction: int) -> float | None:
    """The nearest x with a sample of any line after (`direction` 1) or before (-1) `x`."""
    found: list[float] = []
    for line in lines:
        xs = xs_of(line, unit)
        index = bisect_right(xs, x) if direction > 0 else bisect_left(xs, x) - 1
        found += xs[index : index + 1] if index >= 0 else []
    return (min(found) if direction > 0 else max(found)) if found else None


def value_at(line: Line, unit: XUnit, x: float) -> Reading | None:
    """What a line says at `x`: its last sample there or before, None before the first."""
    history, xs = line.history, xs_of(line, unit)
    index = bisect_right(xs, x) - 1
    bad = [point for point in history.bad if x_of(line, unit, point[0], point[1]) <= x]
    if bad and (index < 0 or bad[-1][0] > history.steps[index]):
        return Reading(bad[-1][0], bad[-1][2], bad[-1][2], bad[-1][2], 1)
    if index < 0:
        return None
    return Reading(
        history.steps[index], history.means[index], history.lows[index], history.highs[index], history.counts[index]
    )


FAR = 1 << 62
"""Beyond all steps."""


def steps_between(line: Line, unit: XUnit, x: Range) -> tuple[int, int] | None:
    """The steps that a stretch of x spans in a line, and one more sample at each side; FAR where that is an end."""
    xs, steps = xs_of(line, unit), line.history.steps
    if not steps:
        return None
    first, last = bisect_left(xs, x[0]) - 2, bisect_right(xs, x[1]) + 1
    return (steps[first] if first >= 0 else -FAR), (steps[last] if last < len(steps) else FAR)


class Path:
    """A line with its x values, smoothed values, and where it is broken."""

    def __init__(self, line: Line, view: View) -> None:
        self.line, self.history = line, line.history
        self.xs = xs_of(line, view.unit)
        self.smooth = smoothed(self.history.means, self.history.counts, view.smooth) if view.smooth else None
        steps = self.history.steps
        self.breaks = {bisect_left(steps, step) for step, _, _ in self.history.bad}

    def stretches(self, frame: Frame, *, raw: bool) -> Iterator[Stretch]:
        """The samples in view and one more at each side, in dots of the frame; parted where it is broken.

        A sample that stands for many is as high as its extremes are apart, and begins near the one before.
        """
        place, history = frame.scale.place, self.history
        low, high = frame.y
        across = (2 * frame.width - 1) / (frame.x[1] - frame.x[0])
        up = (4 * frame.height - 1) / (high - low)
        bars = raw or self.smooth is None
        middles = self.smooth if self.smooth is not None and not raw else history.means
        stretch: Stretch = []
        for index in range(*self._seen(frame.x)):
            if index in self.breaks and stretch:
                yield stretch
                stretch = []
            x = (self.xs[index] - frame.x[0]) * across
            ends = (history.lows[index], history.highs[index]) if bars else (middles[index], middles[index])
            # A log scale has no place for what is not above zero: it falls off the lower edge.
            lower, upper = (max((place(end) - low) * up, -_FAR_BELOW) for end in ends)
            if upper - lower < 1 or not frame.x[0] <= self.xs[index] <= frame.x[1]:
                stretch.append((x, max((place(middles[index]) - low) * up, -_FAR_BELOW)))
            elif stretch and upper - stretch[-1][1] < stretch[-1][1] - lower:
                stretch += [(x, upper), (x, lower)]
            else:
                stretch += [(x, lower), (x, upper)]
        if stretch:
            yield stretch

    def _seen(self, x: Range) -> tuple[int, int]:
        first = max(0, bisect_left(self.xs, x[0]) - 1)
        return first, min(len(self.xs), bisect_left(self.xs, x[1]) + 2)

    def values(self, x: Range) -> Iterator[float]:
        """The extremes of what is in view."""
        first = bisect_left(self.xs, x[0])
        for index in range(first, len(self.xs)):
            if self.xs[index] > x[1]:
                break
            yield self.history.lows[index]
            yield self.history.highs[index]


def ends_of(lines: Sequence[Line], view: View) -> Range | None:
    """The first and the last x of these lines; None where there is no value."""
    return x_range([Path(line, view) for line in lines], view)


def x_range(paths: Sequence[Path], view: View) -> Range | None:
    ends = [(path.xs[0], path.xs[-1]) for path in paths if len(path.xs)]
    for path in paths:
        ends += [(x_of(path.line, view.unit, step, at),) * 2 for step, at, _ in path.history.bad]
    if not ends:
        return None
    low, high = min(first for first, _ in ends), max(last for _, last in ends)
    if view.growing:
        ticks = nice_bounds(low, high, 5)
        high = ticks[1] if view.unit != "wall" else low + nice_bounds(0, high - low, 5)[1]
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def y_range(paths: Sequence[Path], view: View, x: Range) -> tuple[Range, Scale]:
    values = [value for path in paths for value in path.values(x)]
    values = values or [value for path in paths for value in (*path.history.lows, *path.history.highs)] or [0.0]
    scale = scale_for(view.log, values)
    if view.y is not None:
        low, high = scale.place(view.y[0]), scale.place(view.y[1])
        if math.isfinite(low) and math.isfinite(high) and low < high:
            return (low, high), scale
    if view.clip and len(values) > 20:
        values = _without_outliers(values)
    low, high = scale.place(min(values)), scale.place(max(values))
    # Halving keeps what is near the largest double finite.
    if not math.isfinite(high - low):
        return (low / 4, high / 4), scale
    return nice_bounds(low, high, 4), scale


def _without_outliers(values: Sequence[float]) -> list[float]:
    """Without the lowest and the highest twentieth."""
    ordered = sorted(values)
    cut = max(1, len(ordered) // 20)
    return ordered[cut:-cut]
