"""Lines of dots before they are drawn: at most the extremes of each column, cut to the plot, dashed."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import groupby, pairwise

from edm_core.curves.plotted import Dot

Stretch = list[Dot]
DASH, PERIOD = 3, 6
"""Dots of a dash, and of a dash with the gap behind it."""


def thinned(stretch: Stretch, columns: int) -> Stretch:
    """At most the first, the lowest, the highest and the last dot of every `columns` columns, so that a spike stays and
    lines enter and leave where they did (M4: Jugel et al. 2014); of more than one column only the extremes."""
    if len(stretch) < 3:
        return stretch
    kept: Stretch = []
    for _, group in groupby(stretch, key=lambda dot: dot[0] // columns):
        dots = list(group)
        if len(dots) > 2:
            low, high = min(dots, key=_height), max(dots, key=_height)
            wanted = {id(low), id(high)} if columns > 1 else {id(dots[0]), id(low), id(high), id(dots[-1])}
            dots = [dot for dot in dots if id(dot) in wanted]
        kept += dots
    return kept


def straightened(stretch: Stretch) -> Stretch:
    """The stretch in whole dots, without those that lie between two of the same height: each costs time to draw."""
    kept: Stretch = []
    for x, y in stretch:
        dot = (float(round(x)), float(round(y)))
        if len(kept) > 1 and kept[-2][1] == kept[-1][1] == dot[1]:
            kept.pop()
        kept.append(dot)
    return kept


def length(stretch: Stretch) -> float:
    """How many dots it takes to draw, about."""
    return 1 + sum(max(abs(x1 - x0), abs(y1 - y0)) for (x0, y0), (x1, y1) in pairwise(stretch))


def inside(stretch: Stretch, axis: int, low: float, high: float) -> Iterator[Stretch]:
    """The parts of a stretch that lie between `low` and `high` on an axis (0 is x), cut where they cross the edge."""
    if all(low <= dot[axis] <= high for dot in stretch):
        yield stretch
        return
    part: Stretch = []
    for before, dot in pairwise(stretch):
        if max(before[axis], dot[axis]) < low or min(before[axis], dot[axis]) > high:
            continue
        start, end = _cut(before, dot, axis, low, high), _cut(dot, before, axis, low, high)
        if part and part[-1] != start:
            yield part
            part = []
        part = [*part, end] if part else [start, end]
    if part:
        yield part


def _cut(dot: Dot, other: Dot, axis: int, low: float, high: float) -> Dot:
    """The dot itself, or where the way from it to the other comes in."""
    edge = min(max(dot[axis], low), high)
    if edge == dot[axis]:
        return dot
    share = (edge - dot[axis]) / (other[axis] - dot[axis])
    along = dot[1 - axis] + share * (other[1 - axis] - dot[1 - axis])
    return (edge, along) if axis == 0 else (along, edge)


def dashed(stretch: Stretch) -> Iterator[Stretch]:
    """The stretch, which goes along x, in dashes: at the same places of x whatever is drawn."""
    for index in range(math.floor(stretch[0][0] / PERIOD), math.floor(stretch[-1][0] / PERIOD) + 1):
        start, end = float(index * PERIOD), float(index * PERIOD + DASH - 1)
        first = max(0, bisect_left(stretch, start, key=_place) - 1)
        yield from inside(stretch[first : bisect_right(stretch, end, key=_place) + 1], 0, start, end)


def _place(dot: Dot) -> float:
    return dot[0]


def _height(dot: Dot) -> float:
    return dot[1]
