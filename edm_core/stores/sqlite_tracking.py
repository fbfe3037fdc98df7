"""MLflow's runs read straight from its SQLite file: the first frame waits for this, and MLflow's import alone takes
longer than a whole terminal program may.

A page of runs costs one statement for the runs and one each for params, tags and last metrics per CHUNK of ids; each
series that a table shows costs one more, by the index that holds a run's points together.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edm_core.settings import MetricsSettings
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.protocols import ALL_EXPERIMENTS, FIND_LIMIT, Curve, Experiment
from edm_core.stores.series import from_store
from edm_core.stores.sqlite_schema import reading
from edm_core.stores.sqlite_series import SeriesReader

if TYPE_CHECKING:
    from edm_core.curves.history import History, Span

CHUNK = 500
_RUN_COLUMNS = "r.run_uuid, r.name, r.status, r.start_time, r.end_time, r.user_id, r.lifecycle_stage, e.name"
_NEWEST = "ORDER BY r.start_time DESC, r.run_uuid"


@dataclass(slots=True)
class SqliteTracking:
    """A TrackingStore on a file whose schema was checked. Holds no connection between calls, so any thread may call."""

    path: Path
    metrics: MetricsSettings
    label: str
    notice: str = field(default="")

    def experiments(self) -> tuple[Experiment, ...]:
        with reading(self.path) as db:
            found = db.execute(
                "SELECT e.experiment_id, e.name, e.artifact_location, count(r.run_uuid) FROM experiments e"
                " LEFT JOIN runs r ON r.experiment_id = e.experiment_id AND r.lifecycle_stage = 'active'"
                " WHERE e.lifecycle_stage = 'active' GROUP BY e.experiment_id ORDER BY e.name"
            ).fetchall()
        return tuple(Experiment(str(id_), name, location or "", count) for id_, name, location, count in found)

    def runs(self, experiment: str, limit: int | None, best_of: Sequence[str]) -> list[RunRow]:
        named = experiment != ALL_EXPERIMENTS
        where, values = (" AND e.name = ?", [experiment]) if named else ("", [])
        with reading(self.path) as db:
            found = db.execute(
                f"SELECT {_RUN_COLUMNS} FROM runs r JOIN experiments e USING (experiment_id)"
                f" WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'{where} {_NEWEST} LIMIT ?",
                [*values, -1 if limit is None else limit],
            ).fetchall()
            return list(self._rows(db, found, best_of))

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        with reading(self.path) as db:
            found = [
                row
                for marks, ids in _chunks(run_ids)
                for row in db.execute(
                    f"SELECT {_RUN_COLUMNS} FROM runs r JOIN experiments e USING (experiment_id)"
                    f" WHERE r.run_uuid IN ({marks})",
                    ids,
                )
            ]
            return {row.run_id: row for row in self._rows(db, found, best_of)}

    def active_ids(self, run_ids: Sequence[str], names: Sequence[str]) -> set[str]:
        with reading(self.path) as db:
            return {
                value
                for column, wanted in (("run_uuid", run_ids), ("name", names))
                for marks, part in _chunks(wanted)
                for (value,) in db.execute(
                    f"SELECT {column} FROM runs WHERE lifecycle_stage = 'active' AND {column} IN ({marks})", part
                )
            }

    def find(self, ref: str) -> list[tuple[str, str]]:
        # substr, not LIKE: LIKE folds case and gives % and _ a meaning, and names hold _ all the time.
        with reading(self.path) as db:
            return db.execute(
                "SELECT r.run_uuid, coalesce(r.name, '') FROM runs r WHERE r.lifecycle_stage = 'active'"
                " AND (substr(r.name, 1, ?1) = ?2 OR substr(r.run_uuid, 1, ?1) = ?2)"
                " ORDER BY r.name = ?2 OR r.run_uuid = ?2 DESC, r.start_time DESC, r.run_uuid LIMIT ?3",
                (len(ref), ref, FIND_LIMIT),
            ).fetchall()

    def names(self, limit: int) -> list[str]:
        with reading(self.path) as db:
            return [
                name
                for (name,) in db.execute(
                    f"SELECT r.name FROM runs r WHERE r.lifecycle_stage = 'active' AND r.name > '' {_NEWEST} LIMIT ?",
                    (limit,),
                )
            ]

    def curves(self, run_id: str, points: int) -> dict[str, Curve]:
        with reading(self.path) as db:
            series = SeriesReader(db, self.path, self.metrics)
            return {key: series.curve(run_id, key, last, step, points) for _, key, last, step in _latest(db, [run_id])}

    def summaries(self, run_id: str) -> Mapping[str, MetricSummary]:
        with reading(self.path) as db:
            series = SeriesReader(db, self.path, self.metrics)
            return {
                key: series.summary(run_id, key, last, step, ended=False, exact=True)
                for _, key, last, step in _latest(db, [run_id])
            }

    def histories(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: "Span | None", known: "Mapping[str, History]"
    ) -> "dict[str, History]":
        from edm_core.stores.sqlite_history import HistoryReader

        with reading(self.path) as db:
            return HistoryReader(db).read(run_id, keys, parts, span, known)

    def _rows(
        self, db: sqlite3.Connection, found: Sequence[tuple[str, ...]], best_of: Sequence[str]
    ) -> Iterator[RunRow]:
        series = SeriesReader(db, self.path, self.metrics)
        wanted = set(best_of)
        for start in range(0, len(found), CHUNK):
            part = found[start : start + CHUNK]
            ids = [row[0] for row in part]
            params, tags = _by_run(db, "params", ids), _by_run(db, "tags", ids)
            ended = {row[0] for row in part if row[4] is not None}
            metrics: dict[str, dict[str, MetricSummary]] = {}
            for run_id, key, last, step in _latest(db, ids):
                metrics.setdefault(run_id, {})[key] = (
                    series.summary(run_id, key, last, step, ended=run_id in ended)
                    if key in wanted
                    else MetricSummary(last, step, None, None)
                )
            for row in part:
                yield _row(row, params.get(row[0], {}), metrics.get(row[0], {}), tags.get(row[0], {}))
        if series.skipped and not self.notice:
            self.notice = f"the best value of {series.skipped} very long series is read when its run is opened"


def _row(row: Sequence[str], params: dict[str, str], metrics: dict[str, MetricSummary], tags: dict[str, str]) -> RunRow:
    run_id, name, status, start, end, user, stage, experiment = row
    return RunRow(
        run_id=run_id,
        name=name or tags.get("mlflow.runName", ""),
        status=status or "",
        start_ms=int(start) if start is not None else None,
        end_ms=int(end) if end is not None else None,
        user=tags.get("mlflow.user") or user or "",
        experiment=experiment,
        params=params,
        metrics=metrics,
        tags=tags,
        deleted=stage == "deleted",
    )


def _by_run(db: sqlite3.Connection, table: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = {}
    marks = ",".join("?" * len(ids))
    query = f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid IN ({marks}) ORDER BY run_uuid, key"
    for run_id, key, value in db.execute(query, ids).fetchall():
        values.setdefault(run_id, {})[key] = value or ""
    return values


def _latest(db: sqlite3.Connection, ids: Sequence[str]) -> Iterator[tuple[str, str, float, int]]:
    marks = ",".join("?" * len(ids))
    columns = "run_uuid, key, value, step, is_nan"
    query = f"SELECT {columns} FROM latest_metrics WHERE run_uuid IN ({marks}) ORDER BY run_uuid, key"
    for run_id, key, value, step, is_nan in db.execute(query, ids).fetchall():
        yield run_id, key, from_store(value, is_nan), step


def _chunks(values: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Lists of at most CHUNK values, each with as many question marks."""
    rest = list(dict.fromkeys(values))
    for start in range(0, len(rest), CHUNK):
        part = rest[start : start + CHUNK]
        yield ",".join("?" * len(part)), part
