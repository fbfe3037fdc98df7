"""The columns of the run table: their titles, widths, cells and order. Pure functions of rows."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len

from edm_core.settings import Settings
from edm_core.snapshots.runs import DataState, MetricSummary, RunRow
from edm_tui.formatting import NOTHING, age, clean, duration, number, param, sparkline

SPARK_CELLS = 8
SAMPLE = 200
"""Rows from which widths are taken: enough to fit, few enough to cost nothing at 100,000."""
WORDS = {"FINISHED": "done", "FAILED": "failed", "KILLED": "killed", "SCHEDULED": "queued", "RUNNING": "▶ running"}
JOB_WORDS = {"queued": "queued", "done": "done", "failed": "failed", "stopped": "stopped", "lost": "died"}


@dataclass(frozen=True, slots=True)
class Look:
    """What cells need besides their row: the moment of the load (Unix seconds) and the best value of each metric."""

    now: float = 0.0
    best: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `sort` gives None for rows without a value, which go last either way; `largest_first` is the
    order of the first press of `s`."""

    name: str
    title: str
    width: int
    cell: Callable[[RunRow, Look], str]
    sort: Callable[[RunRow], Any]
    right: bool = False
    largest_first: bool = False


def state_text(row: RunRow, now: float) -> str:
    """What the run does now: ▶ 7/50, queued, silent 14m, done, failed, killed."""
    job = row.job
    if job is None or not (job.active or row.status in ("", "RUNNING")):
        return WORDS.get(row.status, "no run" if not row.status else clean(row.status.lower()))
    if job.state != "running":
        return JOB_WORDS.get(job.state, clean(job.state))
    silent = job.silent_minutes(now)
    if silent:
        return f"silent {age(silent * 60)}"
    progress = job.progress
    where = f"{progress.epoch}/{progress.epochs}" if progress.epochs else str(progress.epoch or "starting")
    return " ".join((f"▶ {where}", *(f"!{alarm.kind}" for alarm in job.alarms)))


def failed(row: RunRow) -> bool:
    """Whether the run ended otherwise than it should."""
    return row.status == "FAILED" or (row.job is not None and row.job.state in ("failed", "lost"))


def seconds(row: RunRow, now: float) -> float | None:
    """How long the run took, or has taken by now; None where that cannot be known."""
    if row.start_ms is None:
        return None
    if row.end_ms is not None:
        return (row.end_ms - row.start_ms) / 1000
    return now - row.start_ms / 1000 if row.status == "RUNNING" else None


def metric_text(summary: MetricSummary | None) -> str:
    """Last value and curve."""
    if summary is None:
        return f"{NOTHING:>8}"
    return f"{number(summary.last):>8} {sparkline(summary.spark, SPARK_CELLS)}"


def best_text(summary: MetricSummary | None, best: float | None) -> str:
    """Best value and its step; ★ marks the best of the column."""
    if summary is None or summary.best is None:
        return f"  {NOTHING:>8}"
    star = "★" if summary.best == best else " "
    step = "" if summary.best_step is None else f" @{summary.best_step}"
    return f"{star} {number(summary.best):>8}{step}"


def best_of(rows: Iterable[RunRow], settings: Settings) -> dict[str, float]:
    """The best value of each metric that has a column."""
    found: dict[str, float] = {}
    for metric in metrics_shown(settings):
        pick = min if settings.metrics.minimised(metric) else max
        values = [s.best for row in rows if (s := row.metrics.get(metric)) is not None and s.best is not None]
        if len(values) > 1:
            found[metric] = pick(values)
    return found


def metrics_shown(settings: Settings) -> tuple[str, ...]:
    """The primary metric and the further ones, each once."""
    primary = settings.metrics.primary
    return (primary, *(name for name in settings.metrics.columns if name != primary))


def name_column(rows: Sequence[RunRow], available: int) -> Column:
    """The frozen column, as wide as the names want and at most `available`."""
    widest = max((_cells(row.name) for row in rows[:SAMPLE]), default=0)
    return Column(
        "name", "run", max(8, min(widest, available)), lambda row, look: clean(row.name), lambda row: row.name
    )


def columns_for(rows: Sequence[RunRow], settings: Settings, narrow: bool) -> list[Column]:
    """All columns after the name, in the order in which they are shown."""
    primary = settings.metrics.primary
    first = [_state(rows), _data()]
    about = [_model(rows), _age(), _duration()]
    metrics = [_metric(primary, settings), _best(primary, settings)]
    more = [_metric(name, settings) for name in metrics_shown(settings)[1:]]
    params = [_param(name, rows) for name in settings.tui.params if any(name in row.params for row in rows[:SAMPLE])]
    return [*first, *metrics, *about, *more, *params] if narrow else [*first, *about, *metrics, *more, *params]


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _state(rows: Sequence[RunRow]) -> Column:
    warned = [state_text(row, 0.0) for row in rows[:SAMPLE] if row.job is not None and row.job.alarms]
    width = min(20, max((11, *map(len, warned))))
    order = {"▶": 0, "q": 1}
    return Column(
        "state", "state", width, lambda row, look: state_text(row, look.now),
        lambda row: (order.get(state_text(row, 0)[:1], 2), state_text(row, 0)),
    )  # fmt: skip


def _data() -> Column:
    places = list(DataState)
    return Column(
        "data", "data", 4, lambda row, look: f" {row.data_state.symbol}", lambda row: places.index(row.data_state)
    )


def _model(rows: Sequence[RunRow]) -> Column:
    width = max((_cells(row.model) for row in rows[:SAMPLE]), default=0)
    return Column(
        "model", "model", max(5, min(width, 16)), lambda row, look: clean(row.model), lambda row: row.model or None,
        largest_first=True,
    )  # fmt: skip


def _age() -> Column:
    def cell(row: RunRow, look: Look) -> str:
        return NOTHING if row.start_ms is None else age(look.now - row.start_ms / 1000)

    return Column("age", "age", 4, cell, lambda row: row.start_ms, right=True, largest_first=True)


def _duration() -> Column:
    def cell(row: RunRow, look: Look) -> str:
        took = seconds(row, look.now)
        return NOTHING if took is None else duration(took)

    return Column("dur", "dur", 5, cell, lambda row: seconds(row, 0), right=True, largest_first=True)


def _metric(name: str, settings: Settings) -> Column:
    def value(row: RunRow) -> float | None:
        summary = row.metrics.get(name)
        return None if summary is None or math.isnan(summary.last) else summary.last

    return Column(
        f"metric:{name}", clean(name), max(9 + SPARK_CELLS, min(len(name) + 2, 24)),
        lambda row, look: metric_text(row.metrics.get(name)), value, largest_first=not settings.metrics.minimised(name),
    )  # fmt: skip


def _best(name: str, settings: Settings) -> Column:
    def value(row: RunRow) -> float | None:
        summary = row.metrics.get(name)
        return None if summary is None else summary.best

    return Column(
        f"best:{name}", "best @step", 15, lambda row, look: best_text(row.metrics.get(name), look.best.get(name)),
        value, largest_first=not settings.metrics.minimised(name),
    )  # fmt: skip


def _param(name: str, rows: Sequence[RunRow]) -> Column:
    texts = [param(row.params[name]) for row in rows[:SAMPLE] if name in row.params]
    width = max((_cells(text) for text in texts), default=0)
    numeric = bool(texts) and all(_float(text) is not None for text in texts)

    def value(row: RunRow) -> Any:
        text = row.params.get(name)
        if text is None:
            return None
        at = _float(text)
        return (1, 0.0, text) if at is None or math.isnan(at) else (0, at, "")

    return Column(
        f"param:{name}", clean(name), min(max(width, min(len(name), 14)), 18),
        lambda row, look: param(row.params[name]) if name in row.params else NOTHING, value, right=numeric,
    )  # fmt: skip


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def sorted_rows(rows: Sequence[RunRow], column: Column, reverse: bool) -> list[RunRow]:
    """Rows in the order of a column (`reverse`: against its first order); those without a value go last."""
    keyed = [(column.sort(row), row) for row in rows]
    there = [item for item in keyed if item[0] is not None]
    there.sort(key=lambda item: item[0], reverse=column.largest_first != reverse)
    return [row for _, row in there] + [row for key, row in keyed if key is None]


def matching(rows: Sequence[RunRow], text: str) -> list[RunRow]:
    """Rows whose names hold all words of `text`, whatever the case; a word with `!` before it must not be there."""
    wanted = [word for word in text.lower().split() if not word.startswith("!")]
    banned = [word[1:] for word in text.lower().split() if word.startswith("!") and len(word) > 1]
    if not wanted and not banned:
        return list(rows)

    def fits(name: str) -> bool:
        return all(word in name for word in wanted) and not any(word in name for word in banned)

    return [row for row in rows if fits(row.name.lower())]
