"""Metric series in plain Python: what MLflow stores for NaN and infinity, the best value, fewer points."""

import math
from collections.abc import Iterable, Sequence

from edm_core.stores.protocols import Point

SPARK = 32
_STORED_INFINITY = 1.7976931348623157e308


def from_store(value: float, is_nan: object = False) -> float:
    """The value that was logged: MLflow's tables hold NaN as a flag beside 0, and infinity as the largest double."""
    if is_nan:
        return math.nan
    if abs(value) >= _STORED_INFINITY:
        return math.copysign(math.inf, value)
    return value


def best_point(points: Iterable[Point], minimised: bool) -> Point | None:
    """The best point by direction, the earliest of equals; NaN is passed over. None where no value is a number."""
    best: Point | None = None
    for point in points:
        value = point[1]
        if value != value:
            continue
        if best is None or (value < best[1] if minimised else value > best[1]):
            best = point
    return best


def reduce_points(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points in their order: the first and last of all, and each part's minimum, maximum and one NaN,
    so that neither a spike nor a gap disappears."""
    if len(points) <= limit or limit < 6:
        return list(points) if len(points) <= limit else _evenly(points, limit)
    parts = (limit - 2) // 3
    kept = [0, len(points) - 1]
    for part in range(parts):
        start, end = part * len(points) // parts, (part + 1) * len(points) // parts
        kept += _extremes(points, start, end)
    return [points[i] for i in sorted(set(kept))]


def spark(points: Sequence[Point]) -> tuple[float, ...]:
    """At most SPARK values for a sparkline, oldest first; NaN stays where it was."""
    return tuple(value for _, value in reduce_points(points, SPARK))


def _extremes(points: Sequence[Point], start: int, end: int) -> list[int]:
    numbers = [i for i in range(start, end) if points[i][1] == points[i][1]]
    gaps = [i for i in range(start, end) if points[i][1] != points[i][1]][:1]
    if not numbers:
        return gaps
    return [min(numbers, key=lambda i: points[i][1]), max(numbers, key=lambda i: points[i][1]), *gaps]


def _evenly(points: Sequence[Point], limit: int) -> list[Point]:
    if limit < 2:
        return list(points[-limit:]) if limit else []
    return [points[i * (len(points) - 1) // (limit - 1)] for i in range(limit)]
