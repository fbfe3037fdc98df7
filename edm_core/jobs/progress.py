"""Where a training is: the last records of its progress.jsonl."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edm_core.snapshots.jobs import Progress

_TAIL = 16_384
_HEAD = 4096


def last_progress(path: Path) -> dict[str, Any]:
    """The last whole record, with the metrics of the last record that has any; {} when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read(_TAIL).split(b"\n")[:-1]
    except OSError:
        return {}
    last: dict[str, Any] = {}
    for line in reversed(lines):
        record = _record(line)
        if record is None:
            continue
        if not last:
            last = record
        if isinstance(record.get("metrics"), dict) and record["metrics"]:
            return last | {"metrics": record["metrics"]}
    return last


def first_progress(path: Path) -> Progress | None:
    """The first record; None while there is none."""
    try:
        with path.open("rb") as file:
            line, end, _ = file.read(_HEAD).partition(b"\n")
    except OSError:
        return None
    record = _record(line) if end else None
    return None if record is None else progress_of(record)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def progress_of(record: Mapping[str, Any]) -> Progress:
    metrics = record.get("metrics")
    numbers = {str(key): number(value) for key, value in metrics.items()} if isinstance(metrics, dict) else {}
    return Progress(
        at=number(record.get("t")) or 0.0,
        epoch=whole(record.get("epoch")) or 0,
        epochs=whole(record.get("epochs")) or 0,
        batch=whole(record.get("batch")) or 0,
        batches=whole(record.get("batches")) or 0,
        metrics={key: value for key, value in numbers.items() if value is not None},
        step=whole(record.get("step")),
    )


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(value: object) -> str:
    return value if isinstance(value, str) else ""
