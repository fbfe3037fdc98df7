"""Typed access to the values of a document; whatever does not fit becomes a fault."""

import itertools
import math
from typing import Any

from edm_core.data.faults import FaultList, Keys, shown
from edm_core.data.model import Segment


def mapping_at(data: object, keys: Keys, faults: FaultList) -> dict[Any, Any] | None:
    """`data` if it is a mapping, else None and a fault."""
    if isinstance(data, dict):
        return data
    faults.add(keys, f"{_name(keys)} must be a mapping, not {shown(data)}")
    return None


def list_at(data: object, keys: Keys, faults: FaultList) -> list[Any] | None:
    """`data` if it is a list that is not empty, else None and a fault."""
    if isinstance(data, list) and data:
        return data
    faults.add(keys, f"{_name(keys)} must be a list that is not empty, not {shown(data)}")
    return None


def text_at(data: dict[Any, Any], key: str, keys: Keys, faults: FaultList) -> str | None:
    """The text under `key`, else None and a fault."""
    if not _present(data, key, keys, faults, required=True):
        return None
    value = data[key]
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    faults.add((*keys, key), f"{key} must be a text, not {shown(value)}")
    return None


def number_at(
    data: dict[Any, Any],
    key: str,
    keys: Keys,
    faults: FaultList,
    *,
    low: float,
    high: float,
    required: bool = True,
) -> float | None:
    """The number under `key` within [low, high], else None and a fault (not blocking where not required)."""
    if not _present(data, key, keys, faults, required=required):
        return None
    number = as_number(data[key])
    if number is None:
        faults.add((*keys, key), f"{key} must be a number, not {shown(data[key])}")
    elif not low <= number <= high:
        faults.add((*keys, key), f"{key} {number:g} is not between {low:g} and {high:g}")
        return None
    return number


def integer_at(data: dict[Any, Any], key: str, keys: Keys, faults: FaultList, *, low: int) -> int | None:
    """The optional whole number under `key`, at least `low`; else None and a fault."""
    number = number_at(data, key, keys, faults, low=low, high=1e6, required=False)
    if number is not None and number != int(number):
        faults.add((*keys, key), f"{key} must be a whole number, not {number:g}")
        return None
    return None if number is None else int(number)


def as_number(value: object) -> float | None:
    """A finite number as float; None for anything else (true and false are no numbers)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def check_times(segments: list[tuple[Keys, Segment]], duration: float | None, faults: FaultList) -> tuple[Segment, ...]:
    """Segments with their ends filled in; times out of order or beyond the duration become faults."""
    for (_, before), (keys, segment) in itertools.pairwise(segments):
        if segment.time <= before.time:
            faults.add((*keys, "time"), f"time {segment.time:g} is not after {before.time:g}: out of order")
    for keys, segment in segments:
        if duration is not None and segment.time >= duration:
            faults.add((*keys, "time"), f"time {segment.time:g} lies beyond the duration of {duration:g} s")
    ends = [*(segment.time for _, segment in segments[1:]), duration or 0.0][: len(segments)]
    return tuple(
        Segment(s.time, end, s.label, s.bar, s.confidence, s.subtle) for (_, s), end in zip(segments, ends, strict=True)
    )


def _present(data: dict[Any, Any], key: str, keys: Keys, faults: FaultList, *, required: bool) -> bool:
    if key in data and data[key] is not None:
        return True
    faults.add((*keys, key), f"{_name((*keys, key))} is missing", blocking=required)
    return False


def _name(keys: Keys) -> str:
    return ".".join(str(key) for key in keys) or "the file"
