"""Metric series in plain Python: what MLflow stores for NaN and infinity, the best value, fewer points."""

import math
from collections.abc import Iterable, Sequence

from edm_core.stores.protocols import Point

SPARK = 32
STORED_INFINITY = 1.7976931348623157e308


def from_store(value: float, is_nan: object = False) -> float:
    """The value that was logged: MLflow's tables hold NaN as a flag beside 0, and infinity as the largest double."""
    if is_nan:
        return math.nan
    if abs(value) >= STORED_INFINITY:
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
    total = len(points)
    if total <= limit:
        return list(points)
    values = [value for _, value in points]
    gaps = any(value != value for value in values)
    parts = (limit - 2) // (3 if gaps else 2)
    if parts < 1:
        return [points[i * (total - 1) // (limit - 1)] for i in range(limit)] if limit > 1 else list(points[-limit:])
    kept = {0, total - 1}
    for part in range(parts):
        start = part * total // parts
        piece = values[start : (part + 1) * total // parts]
        kept.update(start + i for i in (_extremes_and_gap(piece) if gaps else _extremes(piece)))
    return [points[i] for i in sorted(kept)]


def spark(points: Sequence[Point]) -> tuple[float, ...]:
    """At most SPARK values for a sparkline, oldest first; NaN stays where it was."""
    return tuple(value for _, value in reduce_points(points, SPARK))


def _extremes(values: list[float]) -> list[int]:
    return [values.index(min(values)), values.index(max(values))]


def _extremes_and_gap(values: list[float]) -> list[int]:
    numbers = [i for i, value in enumerate(values) if value == value]
    gaps = [i for i, value in enumerate(values) if value != value][:1]
    if not numbers:
        return gaps
    return [min(numbers, key=values.__getitem__), max(numbers, key=values.__getitem__), *gaps]
