"""A run, a job and a comparison as `--json` prints them, and as one line of a table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from edm_core.settings import Settings
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import MetricSummary, RunDetail, RunRow
from edm_core.table.values import duration, iso


def run_document(row: RunRow) -> dict[str, Any]:
    """Everything that the table knows of a run; `metrics` are last values, times ISO 8601 in UTC, durations seconds."""
    return {
        "run_id": row.run_id or None,
        "name": row.name,
        "status": row.status or None,
        "data_state": row.data_state.word,
        "model": row.model or None,
        "params": dict(row.params),
        "metrics": {key: summary.last for key, summary in row.metrics.items()},
        "best": {
            key: {"value": summary.best, "step": summary.best_step}
            for key, summary in row.metrics.items()
            if summary.best is not None
        },
        "tags": dict(row.tags),
        "note": row.note,
        "start": iso(row.start_ms),
        "end": iso(row.end_ms),
        "duration_s": duration(row),
        "user": row.user or None,
        "experiment": row.experiment or None,
        "run_dir": row.run_dir or None,
        "git_commit": row.git_commit or None,
        "trash": row.trash or None,
        "job": job_document(row.job),
    }


def detail_document(detail: RunDetail) -> dict[str, Any]:
    """A run with its files (path and bytes), metadata and histories ([step, value] of each metric)."""
    import yaml

    try:
        metadata = yaml.safe_load(detail.metadata) if detail.metadata else None
    except yaml.YAMLError:
        metadata = detail.metadata
    return {
        **run_document(detail.row),
        "metadata": metadata,
        "files": [{"path": file.path, "bytes": file.size} for file in detail.files],
        "files_total": detail.files_total,
        "bytes_total": detail.bytes_total,
        "histories": {key: [list(point) for point in points] for key, points in detail.histories.items()},
    }


def job_document(job: JobSnapshot | None) -> dict[str, Any] | None:
    if job is None:
        return None
    progress = job.progress
    return {
        "id": job.id, "state": job.state, "exit_code": job.exit_code, "run_id": job.run_id or None,
        "epoch": progress.epoch, "epochs": progress.epochs, "silent_since": job.silent_since,
    }  # fmt: skip


def table(rows: Sequence[RunRow], settings: Settings) -> tuple[list[str], list[list[str]], list[int]]:
    """Headers, cells and the right-aligned columns of `edm runs list`."""
    metrics = list(dict.fromkeys((settings.metrics.primary, *settings.metrics.columns)))
    params = list(settings.tui.params)
    headers = ["RUN", "STATE", "DATA", "MODEL", "STARTED", "TOOK"]
    headers += [*(title for metric in metrics for title in (metric, "best @step")), *params, "ID"]
    cells = []
    for row in rows:
        line = [row.name, state(row), row.data_state.word if row.data_state.symbol.strip() else "", row.model]
        line += [started(row), took(duration(row))]
        for metric in metrics:
            summary = row.metrics.get(metric)
            line += ["", ""] if summary is None else [number(summary.last), best(summary)]
        cells.append([*line, *(row.params.get(param, "") for param in params), row.run_id[:8]])
    right = list(range(5, 6 + 2 * len(metrics) + len(params)))
    return headers, cells, right


def state(row: RunRow) -> str:
    """The job's word and epoch while it lives, else MLflow's status in lower case."""
    job = row.job
    if job is not None and job.active:
        return f"{job.state} {job.progress.epoch}/{job.progress.epochs}" if job.progress.epochs else job.state
    if row.status:
        return row.status.lower()
    return job.state if job is not None else "no run"


def started(row: RunRow) -> str:
    if row.start_ms is None:
        return ""
    return datetime.fromtimestamp(row.start_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{seconds / 60:.0f}m"
    return f"{seconds // 3600:.0f}h{seconds % 3600 // 60:02.0f}m"


def number(value: Any) -> str:
    """A value to four significant digits; other than numbers as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def best(summary: MetricSummary) -> str:
    return "" if summary.best is None else f"{number(summary.best)} @{summary.best_step}"
