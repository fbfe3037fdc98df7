"""The cells of the run table as text: what a run, or a group of runs, says in a column."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edm_core.settings import MetricsSettings
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.table.fields import Field
from edm_core.table.groups import Arrangement, Group, figure
from edm_core.table.values import delta
from edm_tui.formatting import NOTHING, age, clean, duration, number, param, sparkline

SPARK_CELLS = 8
NUMBER_CELLS = 10
"""Star, number and the space before the curve."""
STAR = "★"
WORDS = {"FINISHED": "done", "FAILED": "failed", "KILLED": "killed", "SCHEDULED": "queued", "RUNNING": "▶ running"}
JOB_WORDS = {"queued": "queued", "done": "done", "failed": "failed", "stopped": "stopped", "lost": "died"}


@dataclass(frozen=True, slots=True)
class Look:
    """What cells need besides their row: the moment of the load (Unix seconds), the run that others are compared with,
    and which metrics are better when less."""

    now: float = 0.0
    baseline: RunRow | None = None
    metrics: MetricsSettings = field(default_factory=MetricsSettings)


def state_text(row: RunRow, now: float) -> str:
    """What the run does now: ▶ 7/50, queued, silent 14m, done, failed, killed."""
    job = row.job
    if job is None and row.status == "RUNNING" and any(not math.isfinite(one.last) for one in row.metrics.values()):
        return "▶ !nan"
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


def run_cell(row: RunRow, wanted: Field, width: int, look: Look, arrangement: Arrangement) -> str:
    """The cell of a run; `width` decides how much of a curve there is room for."""
    if wanted.metric:
        return _metric_cell(row.metrics.get(wanted.key), row, wanted, width, look, arrangement)
    if wanted.kind == "param":
        return param(row.params[wanted.key]) if wanted.key in row.params else NOTHING
    if wanted.kind == "tag":
        return clean(row.tags.get(wanted.key, NOTHING))
    return _attribute(row, wanted.key, look)


def _attribute(row: RunRow, key: str, look: Look) -> str:
    match key:
        case "state":
            return state_text(row, look.now)
        case "data":
            return f" {row.data_state.symbol}"
        case "age":
            return NOTHING if row.start_ms is None else age(look.now - row.start_ms / 1000)
        case "dur":
            took = seconds(row, look.now)
            return NOTHING if took is None else duration(took)
    texts: Mapping[str, str] = {
        "name": row.name, "model": row.model, "user": row.user, "experiment": row.experiment, "note": row.note,
        "commit": row.git_commit[:8], "id": row.run_id[:8], "folder": row.run_dir,
    }  # fmt: skip
    return clean(texts[key])


def _metric_cell(
    summary: MetricSummary | None, row: RunRow, wanted: Field, width: int, look: Look, arrangement: Arrangement
) -> str:
    if wanted.kind == "delta":
        return _delta_cell(row, wanted.key, look)
    if summary is None:
        return f" {NOTHING:>8}"
    if wanted.kind == "spark":
        return sparkline(summary.spark, width)
    if wanted.kind == "step":
        return NOTHING if summary.best_step is None else str(summary.best_step)
    best = arrangement.best(wanted)
    if wanted.kind == "best":
        return best_text(summary, best)
    star = STAR if summary.last == best else " "
    return f"{star}{number(summary.last):>8} {sparkline(summary.spark, max(0, width - NUMBER_CELLS))}"


def best_text(summary: MetricSummary, best: float | None) -> str:
    """Best value and its step; ★ marks the best of the column."""
    if summary.best is None:
        return f" {NOTHING:>8}"
    star = STAR if summary.best == best else " "
    step = "" if summary.best_step is None else f" @{summary.best_step}"
    return f"{star}{number(summary.best):>8}{step}"


def _delta_cell(row: RunRow, metric: str, look: Look) -> str:
    if look.baseline is not None and row.row_id == look.baseline.row_id:
        return "baseline"
    found = delta(row, metric, look.baseline)
    if found is None:
        return f"{NOTHING:>8}"
    if not found:
        return f"{0:>8} same"
    return signed(found, "better" if (found < 0) == look.metrics.minimised(metric) else "worse")


def signed(value: float, word: str) -> str:
    return f"{'-' if value < 0 else '+'}{number(abs(value)):>7} {word}"


def group_cell(group: Group, wanted: Field, look: Look, arrangement: Arrangement) -> str:
    """What a group says in a column: the mean, or in the column of best values the best."""
    frame = arrangement.frame
    if wanted == group.field:
        return group_text(group)
    if wanted.key == "dur" and not wanted.kind:
        took = figure(frame, group.runs, wanted)
        return "" if took is None else duration(took / 1000)
    if wanted.kind not in ("metric", "best", "delta"):
        return ""
    found = figure(frame, group.runs, wanted)
    if found is None:
        return f" {NOTHING:>8}"
    if wanted.kind == "metric":
        return f" {number(found):>8} mean"
    if wanted.kind == "delta":
        other: Any = look.baseline.metrics.get(wanted.key) if look.baseline is not None else None
        return "" if other is None or other.best is None else signed(found - other.best, "best")
    return f"{STAR if found == arrangement.best(wanted) else ' '}{number(found):>8} best"


def group_text(group: Group) -> str:
    """The value that the runs of a group have in common."""
    if group.text is None:
        return NOTHING
    return param(group.text) if group.field.kind == "param" else clean(group.text)
