"""What a field is in every run of a snapshot, as whole columns, and in one row."""

import math
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from edm_core.snapshots.run_columns import MISSING, RunColumns, Texts
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
        return [None if step == MISSING else step for step in column.best_step]
    # The baseline's value is one number, so deltas are in the order of the values.
    return column.best if field.kind in ("best", "delta") else column.last


def _times(columns: RunColumns, key: str) -> Sequence[int | None]:
    if key == "age":
        return [None if start == MISSING else start for start in columns.start_ms]
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


def plain_value(row: RunRow, field: Field, baseline: RunRow | None = None) -> Any:
    """What is exported of one run: numbers as numbers, times as ISO 8601 in UTC, durations in seconds, None for
    nothing."""
    if field.metric:
        return _plain_metric(row, field, baseline)
    if field.kind:
        return (row.params if field.kind == "param" else row.tags).get(field.key)
    facts: Mapping[str, Any] = {
        "name": row.name, "state": state_word(row), "data": row.data_state.word, "model": row.model or None,
        "age": iso(row.start_ms), "dur": duration(row), "user": row.user or None, "experiment": row.experiment or None,
        "note": row.note or None, "commit": row.git_commit or None, "id": row.run_id or None,
        "folder": row.run_dir or None,
    }  # fmt: skip
    return facts[field.key]


def _plain_metric(row: RunRow, field: Field, baseline: RunRow | None) -> Any:
    summary = row.metrics.get(field.key)
    if summary is None:
        return None
    match field.kind:
        case "metric":
            return summary.last
        case "best":
            return summary.best
        case "step":
            return summary.best_step
        case "delta":
            return delta(row, field.key, baseline)
    return list(summary.spark)


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
