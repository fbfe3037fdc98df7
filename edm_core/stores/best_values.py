"""Best values of a metric behind a server, which tells last values only: read once out of whole histories, and kept on
disk by run for as long as the last value stays what it is. Exact: never out of samples."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edm_core.errors import EdmError
from edm_core.files import write_atomic
from edm_core.snapshots.run_columns import MISSING, RunColumns
from edm_core.stores.protocols import Point, Progress
from edm_core.stores.series import best_point
from edm_core.workspace import Workspace

VERSION = 1
PARTS_BETWEEN_SAVES = 20
Histories = Callable[[Sequence[str]], Mapping[str, Sequence[Point]]]
"""Whole histories by step of the first ones of these runs, of as many as one answer holds, at least one."""


@dataclass(slots=True)
class BestValues:
    """Of one metric in one direction. `known`: run id → [last, its step, best or None, its step or None]."""

    path: Path
    key: str
    minimised: bool
    known: dict[str, list[Any]] = field(default_factory=dict)

    def fill(self, columns: RunColumns) -> None:
        """Put what is known into columns that nobody else has yet."""
        metric = columns.metrics.get(self.key)
        if metric is None:
            return
        for at in self._unknown(columns):
            one = self._of(columns, at)
            if one is not None and one[3] is not None:
                metric.put_best(at, one[2], one[3])

    def left(self, columns: RunColumns) -> list[str]:
        """The runs that have the metric and whose best value is not known, newest first."""
        missing = [at for at in self._unknown(columns) if self._of(columns, at) is None]
        missing.sort(key=columns.start_ms.__getitem__, reverse=True)
        return [columns.run_ids[at] for at in missing]

    def add(self, columns: RunColumns, histories: Mapping[str, Sequence[Point]]) -> None:
        """Take the best of these whole histories, and put it into the columns."""
        metric = columns.metrics.get(self.key)
        for run_id, points in histories.items():
            at = columns.places.get(run_id)
            if metric is None or at is None or metric.last_step[at] == MISSING:
                continue
            step, value = best_point(points, self.minimised) or (None, None)
            self.known[run_id] = [metric.last[at], metric.last_step[at], value, step]
            metric.put_best(at, value, step)
            columns.made.pop(at, None)

    def save(self) -> None:
        """Keep it for the next start. A disk that takes nothing only costs time then."""
        with contextlib.suppress(OSError, EdmError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps([VERSION, self.known], separators=(",", ":")))

    def _unknown(self, columns: RunColumns) -> Iterable[int]:
        metric = columns.metrics.get(self.key)
        if metric is None:
            return []
        steps, best = metric.last_step, metric.best_step
        without = [at for at in range(len(columns)) if best[at] == MISSING and steps[at] != MISSING]
        return [at for at in without if at not in columns.deleted]

    def _of(self, columns: RunColumns, at: int) -> list[Any] | None:
        one, metric = self.known.get(columns.run_ids[at]), columns.metrics[self.key]
        # As text, because NaN is unequal to itself.
        return one if one is not None and repr(one[:2]) == repr([metric.last[at], metric.last_step[at]]) else None


_opened: dict[Path, BestValues] = {}


def best_values(workspace: Workspace, key: str) -> BestValues:
    """Those of this store, as far as they were ever read here."""
    minimised = workspace.settings.metrics.minimised(key)
    named = hashlib.blake2b(repr((workspace.tracking_uri, key, minimised)).encode(), digest_size=8).hexdigest()
    path = workspace.cache_dir / f"best-{named}"
    if path not in _opened:
        _opened[path] = BestValues(path, key, minimised, _kept(path))
    return _opened[path]


def _kept(path: Path) -> dict[str, list[Any]]:
    """What the file holds; one that is damaged or of another version counts as none."""
    try:
        version, known = json.loads(path.read_text("utf-8"))
        whole = version == VERSION and all(isinstance(one, list) and len(one) == 4 for one in known.values())
        return dict(known) if whole else {}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def read_best_values(values: BestValues, current: Callable[[], RunColumns], ask: Histories, told: Progress) -> None:
    """Read until none is left or `told` says no; what was read is kept either way. Each part is put into what are the
    current columns by then."""
    columns = current()
    left, total = values.left(columns), _with_metric(columns, values.key)
    parts = 0
    try:
        while left and told(values.key, total - len(left), total):
            found = ask(left)
            values.add(current(), found)
            left = [run_id for run_id in left if run_id not in found]
            parts += 1
            if parts % PARTS_BETWEEN_SAVES == 0:
                values.save()
    finally:
        if parts:
            values.save()
            told(values.key, total - len(left), total)


def _with_metric(columns: RunColumns, key: str) -> int:
    metric = columns.metrics.get(key)
    return 0 if metric is None else len(columns) - metric.last_step.count(MISSING)
