"""What a field is in every run of a snapshot, as whole columns, and in one row."""

import math
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from edm_core.snapshots.run_columns import MISSING, MetricColumn, RunColumns, Texts
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.table.fields import Field

_STATES = {"RUNNING": "running", "SCHEDULED": "queued", "FINISHED": "done", "FAILED": "failed", "KILLED": "killed"}
_ENDED = {"lost": "died"}
_FIRST = ("running", "queued")
_PLACES = {state: place for place, state in enumerate(DataState)}


def state_word(row: RunRow) -> str:
    """What the run does now, or how it ended: running, queued, done, failed, killed, stopped, died, no run."""
    job = row.job
    if job is not None and (job.active or row.status in ("", "RUNNING")):
        return _ENDED.get(job.state, job.state)
    return _STATES.get(row.status, row.status.lower()) if row.status else "no run"


def sort_values(columns: RunColumns, field: Field) -> Sequence[Any]:
    """A value for each position that sorts as people expect; None or NaN where a run has none."""
    if field.metric:
        return _of_metric(columns, field)
    if field.kind == "param":
        return ranks(columns.params.get(field.key), len(columns))
    if field.kind == "tag":
        return ranks(columns.tags.get(field.key), len(columns))
    if field.key in ("age", "dur"):
        return _times(columns, field.key)
    if field.key == "data":
        return [_PLACES[state] for state in _here(columns, "data_state", DataState.NONE)]
    if field.key == "state":
        return [(word not in _FIRST, word) for word in texts(columns, field)]
    return texts(columns, field)


def texts(columns: RunColumns, field: Field) -> Sequence[Any]:
    """The field's text at each position, None where a run has none: what groups are made of."""
    if field.kind in ("param", "tag"):
        column = (columns.params if field.kind == "param" else columns.tags).get(field.key)
        return [None] * len(columns) if column is None else column.values()
    match field.key:
        case "name":
            return columns.names
        case "id":
            return [run_id or None for run_id in columns.run_ids]
        case "user" | "experiment":
            return [text or None for text in (columns.user if field.key == "user" else columns.experiment).values()]
        case "state":
            return _states(columns)
        case "data":
            return [state.word for state in _here(columns, "data_state", DataState.NONE)]
        case "model" | "folder":
            return [text or None for text in _here(columns, "run_dir" if field.key == "folder" else "model", "")]
        case "note":
            return texts(columns, Field("tag", "mlflow.note.content"))
        case "commit":
            return texts(columns, Field("tag", "mlflow.source.git.commit"))
    return [None] * len(columns)


def ranks(column: Texts | None, length: int) -> Sequence[int | None]:
    """For each position the rank of its text among all of them, numbers before words; None where a run has none."""
    if column is None:
        return [None] * length
    order = sorted(range(len(column.words)), key=lambda code: natural(column.words[code]))
    found: list[int | None] = [None] * (len(column.words) + 1)
    for rank, code in enumerate(order):
        found[code] = rank
    # Code -1 is the last of them: None.
    return [found[code] for code in column.codes]


def natural(text: str) -> tuple[int, float, str]:
    """A key by which numbers come first, by size, then words."""
    value = as_number(text)
    return (1, 0.0, text) if value is None else (0, value, text)


def as_number(text: str) -> float | None:
    """The number that a text is; None for words and NaN."""
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _of_metric(columns: RunColumns, field: Field) -> Sequence[Any]:
    column = columns.metrics.get(field.key)
    if column is None:
        return array("d", [math.nan]) * len(columns)
    if field.kind == "step":
        return [_there(step) for step in column.best_step]
    # The baseline's value is one number, so deltas are in the order of the values.
    return column.best if field.kind in ("best", "delta") else column.last


def _times(columns: RunColumns, key: str) -> Sequence[int | None]:
    if key == "age":
        return [_there(start) for start in columns.start_ms]
    pairs = zip(columns.start_ms, columns.end_ms, strict=True)
    return [None if MISSING in (start, end) else end - start for start, end in pairs]


def _here(columns: RunColumns, name: str, otherwise: Any) -> list[Any]:
    found = [otherwise] * len(columns)
    for position, here in columns.here.items():
        found[position] = getattr(here, name)
    return found


def _states(columns: RunColumns) -> Sequence[str]:
    words = [_STATES.get(word, word.lower()) if word else "no run" for word in columns.status.words]
    words.append("no run")
    found = [words[code] for code in columns.status.codes]
    for position, here in columns.here.items():
        if here.job is not None:
            found[position] = state_word(columns.row(position))
    return found


def reader(columns: RunColumns, field: Field, baseline: RunRow | None = None) -> Callable[[int], Any]:
    """What is exported of the run at a position: numbers as numbers, times as ISO 8601 in UTC, durations in seconds,
    None for nothing."""
    if field.metric:
        return _metric_reader(columns.metrics.get(field.key), field, baseline)
    if field.key == "age" and not field.kind:
        return lambda at: iso(_there(columns.start_ms[at]))
    if field.key == "dur" and not field.kind:
        took = _times(columns, "dur")
        return lambda at: None if (found := took[at]) is None else found / 1000
    return texts(columns, field).__getitem__


def _metric_reader(column: MetricColumn | None, field: Field, baseline: RunRow | None) -> Callable[[int], Any]:
    if column is None:
        return lambda at: None
    other = baseline.metrics.get(field.key) if baseline is not None else None
    base = other.best if other is not None else None
    match field.kind:
        case "metric":
            return lambda at: None if column.last_step[at] == MISSING else column.last[at]
        case "best":
            return lambda at: None if column.best_step[at] == MISSING else column.best[at]
        case "step":
            return lambda at: _there(column.best_step[at])
        case "delta":
            return lambda at: None if base is None or column.best_step[at] == MISSING else column.best[at] - base
    return lambda at: list(column.sparks.get(at, ()))


def _there(value: int) -> int | None:
    return None if value == MISSING else value


def delta(row: RunRow, metric: str, baseline: RunRow | None) -> float | None:
    """The run's best value minus the baseline's; None where one of them has none."""
    other = baseline.metrics.get(metric) if baseline is not None else None
    own = row.metrics.get(metric)
    if own is None or own.best is None or other is None or other.best is None:
        return None
    return own.best - other.best


def iso(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def duration(row: RunRow) -> float | None:
    """Seconds from start to end; None while a run goes on."""
    return None if row.start_ms is None or row.end_ms is None else (row.end_ms - row.start_ms) / 1000
