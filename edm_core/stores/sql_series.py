"""Best values, sparks and histories from the metrics table, bounded: a run may hold a million points.

`INDEXED BY` is not a hint for taste: without it the planner may take an index by which one series costs 27 s.
"""

from edm_core.settings import MetricsSettings
from edm_core.snapshots.runs import MetricSummary
from edm_core.stores.database import Connection, Database
from edm_core.stores.protocols import Curve, Point
from edm_core.stores.series import SPARK, best_point, from_store, reduce_points, spark
from edm_core.stores.sqlite_schema import series_index

SERIES_POINTS = 20_000
"""A longer series is reduced by SQLite itself instead of being read whole."""
LOAD_POINTS = 400_000
"""How many points one load of the table may read; series past it show no best value until their run is opened."""
_WHOLE = 2**40
_CACHE_LIMIT = 100_000

_Fingerprint = tuple[str, int]
_cache: dict[tuple[str, str, str, bool], tuple[_Fingerprint, MetricSummary]] = {}
"""Summaries of ended runs, which change no more, by (database, run, metric, direction), while the process lives."""


class SeriesReader:
    """Reads series on one open connection and keeps account of how many points that took."""

    def __init__(self, db: Connection, database: Database, metrics: MetricsSettings) -> None:
        self._db = db
        self._name = database.name
        self._metrics = metrics
        self._index = series_index(db) if database.is_file else ""
        # Grouping by bare columns is SQLite's; a server's series are read whole, a second for a million points.
        self._most = SERIES_POINTS if database.is_file else _WHOLE
        self._left = LOAD_POINTS
        self.skipped = 0
        """Series whose best value was left out because the load had read enough."""

    def summary(
        self, run_id: str, key: str, last: float, step: int, *, ended: bool, exact: bool = False
    ) -> MetricSummary:
        """Last, best and spark of a series; `exact` finds the best value whatever the length."""
        minimised = self._metrics.minimised(key)
        name = (self._name, run_id, key, minimised)
        fingerprint = (repr(last), step)
        known = _cache.get(name) if ended else None
        if known is not None and known[0] == fingerprint:
            return known[1]
        points = self._points(run_id, key, self._most + 1)
        long = len(points) > self._most
        best = best_point(points, minimised) if not long else None
        if long:
            points = self._sampled(run_id, key, SPARK)
            best = self._best(run_id, key, minimised, None if exact else self._left)
        self._left -= len(points)
        if long and best is None:
            self.skipped += 1
        found = MetricSummary(last, step, best[1] if best else None, best[0] if best else None, spark(points))
        if (ended or exact) and not (long and best is None):
            if len(_cache) >= _CACHE_LIMIT:
                _cache.clear()
            _cache[name] = (fingerprint, found)
        return found

    def curve(self, run_id: str, key: str, last: float, step: int, limit: int) -> Curve:
        """The series reduced to at most `limit` points, with its exact summary."""
        minimised = self._metrics.minimised(key)
        points = self._points(run_id, key, self._most + 1)
        if len(points) > self._most:
            points = self._bucketed(run_id, key, limit)
            best = self._best(run_id, key, minimised, None)
        else:
            best = best_point(points, minimised)
        found = MetricSummary(last, step, best[1] if best else None, best[0] if best else None, spark(points))
        return Curve(found, tuple(reduce_points(points, limit)))

    def _points(self, run_id: str, key: str, limit: int) -> list[Point]:
        found = self._db.execute(
            f"SELECT step, value, is_nan FROM metrics {self._index}"
            " WHERE run_uuid = ? AND key = ? ORDER BY step LIMIT ?",
            (run_id, key, limit),
        )
        return [(step, from_store(value, nan)) for step, value, nan in found.fetchall()]

    def _best(self, run_id: str, key: str, minimised: bool, limit: int | None) -> Point | None:
        """The best point, found inside SQLite; None where it would take more than `limit` points."""
        if limit is not None and limit <= 0:
            return None
        # Of a bare column beside min() or max() SQLite takes the value of the row that holds the extreme.
        extreme = "min" if minimised else "max"
        value, step, count = self._db.execute(
            f"SELECT {extreme}(value), step, count(*) FROM (SELECT value, step FROM metrics {self._index}"
            " WHERE run_uuid = ? AND key = ? AND is_nan = 0 LIMIT ?)",
            (run_id, key, -1 if limit is None else limit + 1),
        ).fetchone()
        self._left -= count
        whole = limit is None or count <= limit
        return (step, from_store(value)) if whole and value is not None else None

    def _range(self, run_id: str, key: str) -> tuple[int, int]:
        ends = [
            self._db.execute(
                f"SELECT step FROM metrics {self._index} WHERE run_uuid = ? AND key = ? ORDER BY step {order} LIMIT 1",
                (run_id, key),
            ).fetchone()[0]
            for order in ("ASC", "DESC")
        ]
        return ends[0], ends[1]

    def _sampled(self, run_id: str, key: str, count: int) -> list[Point]:
        first, last = self._range(run_id, key)
        points: dict[int, float] = {}
        for i in range(count):
            step, value, nan = self._db.execute(
                f"SELECT step, value, is_nan FROM metrics {self._index}"
                " WHERE run_uuid = ? AND key = ? AND step >= ? ORDER BY step LIMIT 1",
                (run_id, key, first + (last - first) * i // (count - 1)),
            ).fetchone()
            points[step] = from_store(value, nan)
        return sorted(points.items())

    def _bucketed(self, run_id: str, key: str, limit: int) -> list[Point]:
        """First, last, and minimum, maximum and a NaN of each part of the steps, found inside SQLite."""
        first, last = self._range(run_id, key)
        parts = max(1, (limit - 2) // 3)
        where = f"FROM metrics {self._index} WHERE run_uuid = ? AND key = ?"
        values = (first, parts, last - first + 1, run_id, key)
        found: set[tuple[int, float, int]] = set()
        for extreme, nan in (("min(value)", 0), ("max(value)", 0), ("min(step)", 1)):
            found.update(
                (step, value, nan)
                for _, step, value, _ in self._db.execute(
                    f"SELECT (step - ?) * ? / ? AS part, step, value, {extreme} {where}"
                    f" AND is_nan = {nan} GROUP BY part",
                    values,
                )
            )
        reduced = {(step, from_store(value, nan)) for step, value, nan in found}
        return sorted(reduced | set(self._sampled(run_id, key, 2)), key=_step_of)


def _step_of(point: Point) -> int:
    return point[0]
