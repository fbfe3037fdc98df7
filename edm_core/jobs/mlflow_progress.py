"""The progress of a command that writes none of its own: made from the metrics that it logs to MLflow."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edm_core.jobs.mlflow_watch import Point, RunNow, runs_now

TOTALS = (
    "epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "total_epochs",
    "max_steps", "num_steps", "total_steps", "steps", "iterations", "num_iterations", "max_iters",
)  # fmt: skip
"""Params that tell how many steps there will be, the most telling first."""
_SYSTEM = "system/"
SOURCE = "mlflow"
"""What a record's `from` says that was made here."""


class MlflowProgress:
    """Polled; each poll gives a record for each step that has been logged since the last one."""

    def __init__(self, uri: str, job_id: str, fields: Mapping[str, str]) -> None:
        self._uri, self._job_id, self._fields = uri, job_id, fields
        self._seen: dict[str, Mapping[str, Point]] = {}
        self._firsts: dict[str, int] = {}
        self._stamp: tuple[int, ...] | None = None

    def poll(self) -> tuple[list[RunNow], list[dict[str, Any]]]:
        """The job's runs, and the new records; nothing is read while a SQLite store has not changed."""
        stamp = self._changed()
        if stamp is not None and stamp == self._stamp:
            return [], []
        runs = runs_now(self._uri, self._job_id, self._firsts)
        # A store without an answer may have been locked: then it is asked again, changed or not.
        self._stamp = stamp if runs else None
        return runs, [record for run in runs for record in self._records(run)]

    def _changed(self) -> tuple[int, ...] | None:
        if not self._uri.startswith("sqlite:///"):
            return None
        path = Path(self._uri.removeprefix("sqlite:///"))
        try:
            return tuple(
                number for one in (path, Path(f"{path}-wal")) if one.exists()
                for number in (one.stat().st_mtime_ns, one.stat().st_size)
            )  # fmt: skip
        except OSError:
            return None

    def _records(self, run: RunNow) -> Iterable[dict[str, Any]]:
        before = self._seen.get(run.run_id, {})
        new = {key: point for key, point in run.metrics.items() if _counts(key) and not _same(point, before.get(key))}
        self._seen[run.run_id] = run.metrics
        for step in sorted({point.step for point in new.values()}):
            at = {key: point for key, point in new.items() if point.step == step}
            yield self._record(run, step, at)

    def _record(self, run: RunNow, step: int, points: Mapping[str, Point]) -> dict[str, Any]:
        """Steps count from 0 or from 1, as the script does; epochs of a record from 1."""
        epoch = step + 1 if run.first_step == 0 else step
        total = total_steps({**run.params, **self._fields})
        return {
            "t": max(point.at for point in points.values()), "run_id": run.run_id, "run_name": run.name,
            "epoch": epoch, "epochs": total if total >= epoch else 0, "batch": 1, "batches": 1, "step": step,
            "metrics": {key: point.value for key, point in points.items()}, "from": SOURCE,
        }  # fmt: skip


def total_steps(params: Mapping[str, str]) -> int:
    """How many steps there will be, as far as params tell; 0 where they do not."""
    for name in TOTALS:
        text = str(params.get(name, ""))
        if text.isdigit() and int(text):
            return int(text)
    return 0


def _same(point: Point, before: Point | None) -> bool:
    """Also where the value is NaN, which is equal to nothing."""
    if before is None or (point.step, point.at) != (before.step, before.at):
        return False
    return point.value == before.value or (math.isnan(point.value) and math.isnan(before.value))


def _counts(key: str) -> bool:
    return not key.startswith(_SYSTEM)
