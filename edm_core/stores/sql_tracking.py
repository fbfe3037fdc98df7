"""MLflow's runs read by SQL straight from its database: the first frame waits for this, and MLflow's import alone takes
longer than a whole terminal program may.

A page of runs costs one statement for the runs and one each for params, tags and last metrics per chunk of ids; each
series that a table shows costs one more, by the index that holds a run's points together. Many runs are read into
columns instead (sql_columns.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edm_core.settings import MetricsSettings
from edm_core.snapshots.run_builder import columns_of, with_metrics
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.asking_again import with_changed
from edm_core.stores.database import Connection, Database, in_chunks
from edm_core.stores.protocols import ALL_EXPERIMENTS, FIND_LIMIT, Curve, Experiment, ManyRuns, Told
from edm_core.stores.series import from_store
from edm_core.stores.sql_columns import NEWEST, RUN_COLUMNS, read_best, read_columns, read_halves
from edm_core.stores.sql_series import SeriesReader

if TYPE_CHECKING:
    from edm_core.curves.history import History, Span
    from edm_core.stores.postgres_changes import PostgresMark
    from edm_core.stores.sql_changes import Mark

ROWS = 300
"""Up to so many runs are read row by row, with sparks; of more, sparks are read when a run comes into view."""
MANY_CHANGED = 3_000
"""More changed runs than this are read faster by reading everything."""
_CHUNK = 500
_RUNS = f"SELECT {RUN_COLUMNS} FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"


@dataclass(slots=True)
class SqlTracking:
    """A TrackingStore on tables whose schema was checked. Holds no connection between calls, so any thread may call."""

    database: Database
    metrics: MetricsSettings
    label: str
    notice: str = field(default="")
    may_fork: bool = False
    """Whether this process has one thread, so that a second process may do half of the work."""

    def experiments(self) -> tuple[Experiment, ...]:
        with self.database.reading() as db:
            found = db.execute(
                "SELECT e.experiment_id, e.name, e.artifact_location, count(r.run_uuid) FROM experiments e"
                " LEFT JOIN runs r ON r.experiment_id = e.experiment_id AND r.lifecycle_stage = 'active'"
                " WHERE e.lifecycle_stage = 'active' GROUP BY e.experiment_id ORDER BY e.name"
            ).fetchall()
        return tuple(Experiment(str(id_), name, location or "", count) for id_, name, location, count in found)

    def runs(self, experiment: str, limit: int | None, best_of: Sequence[str]) -> list[RunRow]:
        where, values = active_where(experiment)
        most = "" if limit is None else f" LIMIT {limit:d}"
        with self.database.reading() as db:
            found = db.execute(f"{_RUNS} WHERE {where} {NEWEST}{most}", values).fetchall()
            return list(self._rows(db, found, best_of))

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        with self.database.reading() as db:
            return self._by_id(db, run_ids, best_of)

    def _by_id(self, db: Connection, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        found = [
            row
            for marks, ids in in_chunks(run_ids)
            for row in db.execute(f"{_RUNS} WHERE r.run_uuid IN ({marks})", ids)
        ]
        return {row.run_id: row for row in self._rows(db, found, best_of)}

    def many(
        self, experiment: str, best_of: Sequence[str], known: ManyRuns | None, told: Told | None = None
    ) -> ManyRuns:
        if known is not None:
            return self._changed(known, experiment, best_of)
        with self.database.reading() as db:
            few = self._few(db, experiment)
        if self.may_fork and self.database.is_file and not few:
            found, marked = read_halves(self.database, experiment, best_of, self.metrics)
            return ManyRuns(found, marked.as_json())
        with self.database.reading() as db:
            # Before the tables: what is written in between is then read again by the next load.
            mark = self._mark(db)
            if few:
                columns = columns_of(self.runs(experiment, None, best_of))
            else:
                columns = read_columns(db, experiment, best_of, self.metrics)
        return ManyRuns(columns, mark)

    def summaries_of(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        rows = self.runs_by_id(run_ids, metrics)
        return {id_: {key: row.metrics[key] for key in metrics if key in row.metrics} for id_, row in rows.items()}

    def with_best(self, known: ManyRuns, metrics: Sequence[str]) -> ManyRuns | None:
        if len(known.columns) <= ROWS:
            return None
        columns = with_metrics(known.columns, metrics)
        with self.database.reading() as db:
            for key in metrics:
                read_best(db, columns, key, self.metrics.minimised(key))
        return ManyRuns(columns, known.mark)

    def _few(self, db: Connection, experiment: str) -> bool:
        where, values = active_where(experiment)
        count = db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
            f" WHERE {where} LIMIT {ROWS + 1}) AS few",
            values,
        ).fetchone()[0]
        return int(count) <= ROWS

    def _mark(self, db: Connection) -> Any:
        from edm_core.stores.postgres_changes import take_postgres_mark
        from edm_core.stores.sql_changes import take_mark

        return take_mark(db).as_json() if self.database.is_file else take_postgres_mark(db).as_json()

    def _changed(self, known: ManyRuns, experiment: str, best_of: Sequence[str]) -> ManyRuns:
        """Only what is other than it was; everything where that cannot be told, or is most of it."""
        with self.database.reading() as db:
            ids, mark = self._changed_ids(db, known.mark)
            if ids is None or mark is None or len(ids) > MANY_CHANGED:
                return self.many(experiment, best_of, None)
            rows = self._by_id(db, sorted(ids), best_of)
            columns = with_changed(known.columns, rows, experiment)
            # A run may be gone while another has its row: purged ones, or another file in the place of this one.
            if len(columns) - len(columns.deleted) != _count(db, experiment):
                return self.many(experiment, best_of, None)
        return ManyRuns(columns, mark.as_json())

    def _changed_ids(self, db: Connection, mark: Any) -> "tuple[set[str] | None, Mark | PostgresMark | None]":
        from edm_core.stores.postgres_changes import changed_on_postgres, postgres_mark_from
        from edm_core.stores.sql_changes import changed_since, mark_from

        if self.database.is_file:
            old = mark_from(mark)
            return changed_since(db, old) if old is not None else (None, None)
        known = postgres_mark_from(mark)
        return changed_on_postgres(db, known) if known is not None else (None, None)

    def active_ids(self, run_ids: Sequence[str], names: Sequence[str]) -> set[str]:
        with self.database.reading() as db:
            return {
                value
                for column, wanted in (("run_uuid", run_ids), ("name", names))
                for marks, part in in_chunks(wanted)
                for (value,) in db.execute(
                    f"SELECT {column} FROM runs WHERE lifecycle_stage = 'active' AND {column} IN ({marks})", part
                )
            }

    def find(self, ref: str) -> list[tuple[str, str]]:
        # substr, not LIKE: LIKE folds case and gives % and _ a meaning, and names hold _ all the time.
        with self.database.reading() as db:
            return [
                (run_id, name)
                for run_id, name in db.execute(
                    "SELECT r.run_uuid, coalesce(r.name, '') FROM runs r WHERE r.lifecycle_stage = 'active'"
                    " AND (substr(r.name, 1, ?) = ? OR substr(r.run_uuid, 1, ?) = ?)"
                    " ORDER BY CASE WHEN r.name = ? OR r.run_uuid = ? THEN 0 ELSE 1 END,"
                    f" coalesce(r.start_time, -1) DESC, r.run_uuid LIMIT {FIND_LIMIT}",
                    (len(ref), ref, len(ref), ref, ref, ref),
                )
            ]

    def names(self, limit: int) -> list[str]:
        with self.database.reading() as db:
            named = "r.lifecycle_stage = 'active' AND r.name > ''"
            return [name for (name,) in db.execute(f"SELECT r.name FROM runs r WHERE {named} {NEWEST} LIMIT {limit:d}")]

    def curves(self, run_id: str, points: int) -> dict[str, Curve]:
        with self.database.reading() as db:
            series = SeriesReader(db, self.database, self.metrics)
            return {key: series.curve(run_id, key, last, step, points) for _, key, last, step in _latest(db, [run_id])}

    def summaries(self, run_id: str) -> Mapping[str, MetricSummary]:
        with self.database.reading() as db:
            series = SeriesReader(db, self.database, self.metrics)
            return {
                key: series.summary(run_id, key, last, step, ended=False, exact=True)
                for _, key, last, step in _latest(db, [run_id])
            }

    def histories(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: "Span | None", known: "Mapping[str, History]"
    ) -> "dict[str, History]":
        from edm_core.stores.postgres_history import PostgresHistoryReader
        from edm_core.stores.sqlite_history import HistoryReader

        with self.database.reading() as db:
            reader = HistoryReader(db) if self.database.is_file else PostgresHistoryReader(db)
            return reader.read(run_id, keys, parts, span, known)

    def _rows(self, db: Connection, found: Sequence[tuple[str, ...]], best_of: Sequence[str]) -> Iterator[RunRow]:
        series = SeriesReader(db, self.database, self.metrics)
        wanted = set(best_of)
        for start in range(0, len(found), _CHUNK):
            part = found[start : start + _CHUNK]
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


def _count(db: Connection, experiment: str) -> int:
    where, values = active_where(experiment)
    joined = "runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
    return int(db.execute(f"SELECT count(*) FROM {joined} WHERE {where}", values).fetchone()[0])


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


def _by_run(db: Connection, table: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = {}
    marks = ",".join("?" * len(ids))
    query = f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid IN ({marks}) ORDER BY run_uuid, key"
    for run_id, key, value in db.execute(query, ids).fetchall():
        values.setdefault(run_id, {})[key] = value or ""
    return values


def _latest(db: Connection, ids: Sequence[str]) -> Iterator[tuple[str, str, float, int]]:
    marks = ",".join("?" * len(ids))
    columns = "run_uuid, key, value, step, is_nan"
    query = f"SELECT {columns} FROM latest_metrics WHERE run_uuid IN ({marks}) ORDER BY run_uuid, key"
    for run_id, key, value, step, is_nan in db.execute(query, ids).fetchall():
        yield run_id, key, from_store(value, is_nan), step


def active_where(experiment: str) -> tuple[str, list[str]]:
    """The condition on runs `r` and experiments `e` under which runs are rows, and its values."""
    alive = "r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'"
    return (alive, []) if experiment == ALL_EXPERIMENTS else (f"{alive} AND e.name = ?", [experiment])
