"""Scales and ticks: linear, logarithmic and symmetric-logarithmic values, whole steps, durations and times of day."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Ticks = list[tuple[float, str]]
"""(place, label) of each tick."""
_MOST = 308.25
"""Powers of ten above it are no finite numbers."""
XUnit = Literal["step", "epoch", "relative", "wall"]

_SECONDS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
    1209600, 2592000, 7776000, 31536000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become places. `linear` is the value below which a symmetric-logarithmic scale is nearly straight."""

    kind: Literal["linear", "log", "symlog"] = "linear"
    linear: float = 1.0

    def place(self, value: float) -> float:
        """The place of a value; values only grow with it. On a log scale, of positive values only."""
        if self.kind == "linear":
            return value
        if self.kind == "log":
            return math.log10(value) if value > 0 else -math.inf
        return math.copysign(math.log10(1 + abs(value) / self.linear), value)

    def value(self, place: float) -> float:
        """The value at a place."""
        if self.kind == "linear":
            return place
        if self.kind == "log":
            return 10 ** min(_MOST, place)
        return math.copysign(min(self.linear * (10 ** min(308.0, abs(place)) - 1), sys.float_info.max), place)

    def ticks(self, low: float, high: float, count: int) -> Ticks:
        """About `count` ticks for values from `low` to `high`; their places are places of this scale."""
        if self.kind == "linear":
            return linear_ticks(low, high, count)
        ends = self.value(low), self.value(high)
        wanted = [value for value in _powers(*ends) if low <= self.place(value) <= high]
        if self.kind == "symlog":
            wanted = [value for value in wanted if not value or abs(value) >= self.linear]
        if len(wanted) < 2:
            between = linear_ticks(*ends, count)
            return [(self.place(value), label) for value, label in between if low <= self.place(value) <= high]
        every = -(-len(wanted) // max(1, count))
        return [(self.place(value), short(value)) for value in wanted[::every]]


def scale_for(log: bool, lows: Sequence[float]) -> Scale:
    """Linear, or log where all values are above zero, or symlog where some are not."""
    if not log:
        return Scale()
    if all(value > 0 for value in lows):
        return Scale("log")
    sizes = [abs(value) for value in lows if value]
    if not sizes:
        return Scale()
    # Six decades to either side of zero are more than a chart can show.
    least = max(min(sizes), max(sizes) * 1e-6)
    return Scale("symlog", 10.0 ** math.floor(math.log10(least)))


def _powers(low: float, high: float) -> list[float]:
    top = max(abs(low), abs(high))
    if not top or not math.isfinite(top):
        return []
    last = math.ceil(math.log10(top))
    least = min(abs(low), abs(high)) if low * high > 0 else top * 1e-7
    powers = [10.0**power for power in range(math.floor(math.log10(least)), min(308, last) + 1)] if least else []
    negative = [-power for power in reversed(powers)] if low < 0 else []
    zero = [0.0] if low <= 0 <= high else []
    return [*negative, *zero, *(powers if high > 0 else [])]


def nice_size(span: float, count: int, *, whole: bool = False) -> float:
    """The distance of ticks, 1, 2 or 5 times a power of ten, that cuts `span` into at most `count` parts."""
    rough = span / max(1, count)
    if not rough > 0 or not math.isfinite(rough):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    size = next((factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999), 10 * power)
    return max(1.0, round(size)) if whole else size


def linear_ticks(low: float, high: float, count: int) -> Ticks:
    """Ticks at round values, labelled with as many decimals as tell them apart."""
    size = nice_size(high - low, count)
    first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
    values = [index * size for index in range(int(first), int(min(last, first + 50)) + 1)]
    return list(zip(values, labels(values, size), strict=True))


def labels(values: Sequence[float], size: float) -> list[str]:
    """Labels of values that are `size` apart."""
    top = max((abs(value) for value in values), default=0.0)
    if top and (top >= 1e5 or top < 1e-3):
        return [short(value) for value in values]
    decimals = max(0, -math.floor(math.log10(size) + 1e-9))
    return [f"{value + 0.0:.{min(decimals, 9)}f}" for value in values]


def short(value: float) -> str:
    """A value in few characters: 0.05, 200, 1e-5, 3e8."""
    if not value:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.5g}" if abs(value) >= 1e3 else f"{value:.4g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def step_label(step: float) -> str:
    """A step: 40, 2500, 20k, 1.5M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(step) >= (10 * size if letter == "k" else size) and not round(step) % (size // 100):
            return f"{step / size:.10g}{letter}"
    return f"{step:.0f}"


def x_ticks(unit: XUnit, low: float, high: float, count: int) -> Ticks:
    """Ticks of the x axis: whole steps, or round durations, or times of day."""
    if unit in ("step", "epoch"):
        size = nice_size(high - low, count, whole=True)
        first = math.ceil(low / size - 1e-9)
        values = [index * size for index in range(first, first + count + 2) if index * size <= high + 1e-9 * size]
        return [(value, step_label(value)) for value in values]
    rough = (high - low) / max(1, count)
    size = next((one for one in _SECONDS if one >= rough), nice_size(high - low, count))
    offset = time.localtime(low).tm_gmtoff if unit == "wall" and math.isfinite(low) else 0
    first = math.ceil((low + offset) / size - 1e-9)
    values = [index * size - offset for index in range(first, first + count + 2) if index * size - offset <= high]
    return [(value, duration_label(value) if unit == "relative" else clock_label(value, size)) for value in values]


def duration_label(seconds: float) -> str:
    """5s, 10m, 1h30, 2d4h."""
    total = round(seconds)
    if abs(total) < 60:
        return f"{total}s"
    if abs(total) < 3600:
        return f"{total // 60}m{total % 60:02d}" if total % 60 else f"{total // 60}m"
    if abs(total) < 86400:
        return f"{total // 3600}h{total % 3600 // 60:02d}" if total % 3600 // 60 else f"{total // 3600}h"
    return f"{total // 86400}d{total % 86400 // 3600}h" if total % 86400 // 3600 else f"{total // 86400}d"


def clock_label(seconds: float, size: float) -> str:
    """14:05 for ticks within a day, 14:05:30 below a minute, 11-23 for days."""
    pattern = "%H:%M:%S" if size < 60 else "%H:%M" if size < 86400 else "%m-%d"
    return time.strftime(pattern, time.localtime(seconds))


def nice_bounds(low: float, high: float, count: int) -> tuple[float, float]:
    """Round values around `low` and `high`, so that an axis stays while a curve grows."""
    if low == high:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    size = nice_size(high - low, count) / 2
    return math.floor(low / size + 1e-9) * size, math.ceil(high / size - 1e-9) * size
