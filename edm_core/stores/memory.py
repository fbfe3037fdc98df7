"""Runs in memory: for tests, for pictures, and to try the screens without any store (`MLFLOW_TRACKING_URI=memory://sample`).

It answers as the SQLite store does, which a test holds it to.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edm_core.curves.history import History, Span, reduced, unchanged, within
from edm_core.settings import MetricsSettings
from edm_core.snapshots.run_builder import columns_of
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.protocols import ALL_EXPERIMENTS, FIND_LIMIT, MEMORY, Curve, Experiment, ManyRuns, Point, Told
from edm_core.stores.series import best_point, reduce_points, spark

_SAMPLE_START_MS = 1_763_900_000_000
_STEP_MS = 4_000
"""No time is kept with a point here: every step takes as long as one of the samples'."""
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835


@dataclass(slots=True)
class MemoryTracking:
    """A TrackingStore whose runs are added by `add`."""

    label: str = "memory"
    notice: str = ""
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    _rows: dict[str, RunRow] = field(default_factory=dict)
    _series: dict[str, dict[str, list[Point]]] = field(default_factory=dict)

    def add(self, row: RunRow, series: Mapping[str, Iterable[Point]]) -> None:
        """Add a run or replace the one of its id; its metrics come from `series`, which is sorted by step."""
        ordered = {key: sorted(points, key=lambda point: point[0]) for key, points in sorted(series.items())}
        self._series[row.run_id] = {key: points for key, points in ordered.items() if points}
        self._rows[row.run_id] = row

    def experiments(self) -> tuple[Experiment, ...]:
        names = sorted({row.experiment for row in self._rows.values()})
        return tuple(
            Experiment(str(i + 1), name, "", sum(row.experiment == name for row in self._newest()))
            for i, name in enumerate(names)
        )

    def runs(self, experiment: str, limit: int | None, best_of: Sequence[str]) -> list[RunRow]:
        rows = [row for row in self._newest() if experiment in (row.experiment, ALL_EXPERIMENTS)]
        return [self._with_metrics(row, best_of) for row in rows[:limit]]

    def many(
        self, experiment: str, best_of: Sequence[str], known: ManyRuns | None, told: Told | None = None
    ) -> ManyRuns:
        return ManyRuns(columns_of(self.runs(experiment, None, best_of)))

    def summaries_of(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        rows = self.runs_by_id(run_ids, metrics)
        return {id_: {key: row.metrics[key] for key in metrics if key in row.metrics} for id_, row in rows.items()}

    def with_best(self, known: ManyRuns, metrics: Sequence[str]) -> ManyRuns | None:
        return None

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        return {id_: self._with_metrics(self._rows[id_], best_of) for id_ in run_ids if id_ in self._rows}

    def active_ids(self, run_ids: Sequence[str], names: Sequence[str]) -> set[str]:
        ids = {row.run_id for row in self._newest()} & set(run_ids)
        return ids | ({row.name for row in self._newest()} & set(names))

    def find(self, ref: str) -> list[tuple[str, str]]:
        begins = [row for row in self._newest() if row.name.startswith(ref) or row.run_id.startswith(ref)]
        begins.sort(key=lambda row: ref not in (row.name, row.run_id))
        return [(row.run_id, row.name) for row in begins][:FIND_LIMIT]

    def names(self, limit: int) -> list[str]:
        return [row.name for row in self._newest() if row.name][:limit]

    def curves(self, run_id: str, points: int) -> dict[str, Curve]:
        return {
            key: Curve(self._summary(key, series), tuple(reduce_points(series, points)))
            for key, series in self._series.get(run_id, {}).items()
        }

    def summaries(self, run_id: str) -> Mapping[str, MetricSummary]:
        return {key: self._summary(key, series) for key, series in self._series.get(run_id, {}).items()}

    def histories(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: Span | None, known: Mapping[str, History]
    ) -> dict[str, History]:
        start = (self._rows[run_id].start_ms or 0) if run_id in self._rows else 0
        found = {}
        for key, series in self._series.get(run_id, {}).items():
            if keys is None or key in keys:
                timed = [(step, start + step * _STEP_MS, value) for step, value in series]
                history = reduced(within(timed, span), parts)
                found[key] = unchanged(known.get(key), history)
        return found

    def _newest(self) -> list[RunRow]:
        active = [row for row in self._rows.values() if not row.deleted]
        return sorted(active, key=lambda row: (-(row.start_ms or 0), row.run_id))

    def _with_metrics(self, row: RunRow, best_of: Sequence[str]) -> RunRow:
        metrics = {
            key: self._summary(key, series)
            if key in best_of
            else MetricSummary(series[-1][1], series[-1][0], None, None)
            for key, series in self._series[row.run_id].items()
        }
        return replace(row, metrics=metrics)

    def _summary(self, key: str, series: Sequence[Point]) -> MetricSummary:
        best = best_point(series, self.metrics.minimised(key))
        step, last = series[-1]
        return MetricSummary(last, step, best[1] if best else None, best[0] if best else None, spark(series))


_stores: dict[str, MemoryTracking] = {}


def memory_store(uri: str) -> MemoryTracking:
    """The store of this `memory://NAME` URI in this process; `memory://sample` holds runs made up by a formula."""
    if uri not in _stores:
        _stores[uri] = MemoryTracking(label=uri)
        if uri == f"{MEMORY}sample":
            fill_with_samples(_stores[uri], "edm-training", 12)
    return _stores[uri]


def fill_with_samples(store: MemoryTracking, experiment: str, count: int) -> None:
    """Runs that look like trainings: the same ones each time, every status among them, one with NaN."""
    for number in range(count):
        rate = (1e-2, 3e-3, 1e-3, 3e-4)[number % 4]
        status = ("FINISHED", "FINISHED", "FAILED", "KILLED", "FINISHED", "RUNNING")[number % 6]
        epochs = 30 if status == "FINISHED" else 5 + number
        start = _SAMPLE_START_MS + number * 3_600_000
        row = RunRow(
            run_id=f"{(number + 1) * _SPREAD % 2**128:032x}",
            name=f"cnn_lr{rate:g}_seed{number // 4}", status=status, start_ms=start,
            end_ms=None if status == "RUNNING" else start + epochs * _STEP_MS, user="sample", experiment=experiment,
            params={"backbone": "cnn", "batch_size": "4", "epochs": "30", "learning_rate": f"{rate:g}"},
            tags={"mlflow.note.content": f"Sample {number}: made up by a formula, trained by nobody."},
        )  # fmt: skip
        store.add(row, _curves(number, epochs, rate, breaks=status == "FAILED"))


def _curves(number: int, epochs: int, rate: float, breaks: bool) -> dict[str, list[Point]]:
    pace = 3.0 + 40.0 * rate * (1 + number % 3)
    loss = [
        (step, 0.02 + 0.4 * math.exp(-step / pace) + 0.01 * math.sin(step * (1 + number))) for step in range(epochs)
    ]
    if breaks:
        loss[-1] = (epochs - 1, math.nan)
    score = [(step, 0.9 - value) for step, value in loss]
    return {"val_loss": loss, "train_loss": [(step, 0.8 * value) for step, value in loss], "boundary_f1": score}
