"""All runs of an experiment out of MLflow's tables into columns: each table is read once, from end to end.

A run's facts lie in five tables. Asking for them run by run costs a seek each; a scan of the whole table costs 0.6 µs a
row, and what belongs to other experiments is passed over.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from edm_core.settings import MetricsSettings
from edm_core.snapshots.run_builder import fit_length
from edm_core.snapshots.run_columns import MISSING, NAN, MetricColumn, RunColumns, Texts
from edm_core.stores.database import Connection, Database, in_chunks
from edm_core.stores.forking import forked
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.series import STORED_INFINITY, from_store
from edm_core.stores.sql_changes import Mark, mark_without_tags, with_tags

FEW = 5_000
"""Up to so many runs are asked for by id, where the store holds many more."""
RUN_COLUMNS = "r.run_uuid, r.name, r.status, r.start_time, r.end_time, r.user_id, r.lifecycle_stage, e.name"
Best: TypeAlias = "tuple[array[float], array[int]]"
"""Best value and its step of each run, NaN and MISSING where there is none."""
NEWEST = "ORDER BY coalesce(r.start_time, -1) DESC, r.run_uuid"


def read_columns(db: Connection, experiment: str, best_of: Sequence[str], metrics: MetricsSettings) -> RunColumns:
    """Every active run of the experiment, newest first, with the best values of the metrics in `best_of`."""
    columns = read_skeleton(db, experiment)
    where = _limited(db, columns)
    read_texts(db, columns, "params", where)
    read_texts(db, columns, "tags", where)
    read_latest(db, columns, where)
    for key in best_of:
        read_best(db, columns, key, metrics.minimised(key))
    settle_names(columns)
    return columns


def read_halves(
    database: Database, experiment: str, best_of: Sequence[str], metrics: MetricsSettings
) -> tuple[RunColumns, Mark]:
    """As `read_columns`, and the mark from before, in half the time: forked processes read the metrics, one their last
    values, one the best ones. Three share two cores better than two, of which one has more to do. Only for a process
    with one thread."""
    with database.reading() as db:
        mark = mark_without_tags(db)
        columns = read_skeleton(db, experiment)
        where = _limited(db, columns)

    def last_values() -> dict[str, MetricColumn]:
        with database.reading() as other:
            read_latest(other, columns, where)
        return columns.metrics

    def best_values() -> dict[str, Best]:
        with database.reading() as other:
            return {key: _best(other, columns, key, metrics.minimised(key)) for key in best_of}

    with forked(last_values) as last, forked(best_values) as best:
        with database.reading() as db:
            mark = with_tags(db, mark)
            read_texts(db, columns, "params", where)
            read_texts(db, columns, "tags", where)
        columns.metrics = last()
        for key, (values, steps) in best().items():
            if key in columns.metrics:
                columns.metrics[key].best, columns.metrics[key].best_step = values, steps
    settle_names(columns)
    return columns, mark


def read_skeleton(db: Connection, experiment: str) -> RunColumns:
    """The runs themselves: name, status, times, user; without params, tags and metrics."""
    where, values = ("", []) if experiment == ALL_EXPERIMENTS else (" AND e.name = ?", [experiment])
    columns = RunColumns()
    found = db.execute(
        f"SELECT {RUN_COLUMNS} FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
        f" WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'{where} {NEWEST}",
        values,
    ).fetchall()
    if not found:
        return columns
    # Column by column: a loop over the runs takes twice as long.
    ids, names, status, start, end, user, _, group = zip(*found, strict=True)
    columns.run_ids, columns.names = list(ids), [name or "" for name in names]
    columns.start_ms, columns.end_ms = _times(start), _times(end)
    columns.status, columns.user, columns.experiment = _coded(status), _coded(user), _coded(group)
    columns.places = dict(zip(ids, range(len(ids)), strict=True))
    return columns


def _times(values: Sequence[Any]) -> "array[int]":
    return array("q", [MISSING if value is None else int(value) for value in values])


def _coded(values: Sequence[str | None]) -> Texts:
    texts = [value or "" for value in values]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(texts))}
    return Texts(array("i", map(numbers.__getitem__, texts)), list(numbers))


def _limited(db: Connection, columns: RunColumns) -> list[tuple[str, list[str]]]:
    """Conditions under which all runs are read that are wanted: one that lets everything through, or by ids."""
    total = db.execute("SELECT count(*) FROM runs").fetchone()[0]
    if len(columns) <= FEW and len(columns) * 4 < total:
        return [(f" WHERE run_uuid IN ({marks})", ids) for marks, ids in in_chunks(columns.run_ids)]
    return [("", [])]


def _rows(db: Connection, sql: str, where: Iterable[tuple[str, list[str]]]) -> Iterator[Any]:
    return chain.from_iterable(db.execute(sql + condition, values) for condition, values in where)


def read_texts(db: Connection, columns: RunColumns, table: str, where: Iterable[tuple[str, list[str]]]) -> None:
    """Params or tags."""
    target = columns.params if table == "params" else columns.tags
    places, length = columns.places.get, len(columns)
    open_columns: dict[str, tuple[array[int], dict[str, int]]] = {}
    for run_id, key, value in _rows(db, f"SELECT run_uuid, key, value FROM {table}", where):
        at = places(run_id)
        if at is None:
            continue
        column = open_columns.get(key)
        if column is None:
            column = open_columns[key] = (array("i", [-1]) * length, {})
        codes, numbers = column
        code = numbers.get(value)
        if code is None:
            code = numbers[value] = len(numbers)
        codes[at] = code
    for key in sorted(open_columns):
        codes, numbers = open_columns[key]
        target[key] = Texts(codes, [word or "" for word in numbers])


def read_latest(db: Connection, columns: RunColumns, where: Iterable[tuple[str, list[str]]]) -> None:
    """The last value of each metric."""
    places, length = columns.places.get, len(columns)
    found: dict[str, MetricColumn] = {}
    for run_id, key, value, step, nan in _rows(
        db, "SELECT run_uuid, key, value, step, is_nan FROM latest_metrics", where
    ):
        at = places(run_id)
        if at is None:
            continue
        column = found.get(key)
        if column is None:
            column = found[key] = MetricColumn()
            column.grow(length)
        plain = not nan and -STORED_INFINITY < value < STORED_INFINITY
        column.last[at] = value if plain else from_store(value, nan)
        column.last_step[at] = step
    columns.metrics.update(sorted(found.items()))


def read_best(db: Connection, columns: RunColumns, key: str, minimised: bool) -> None:
    """The best value of this metric in every run, the earliest step of equals."""
    if key in columns.metrics:
        columns.metrics[key].best, columns.metrics[key].best_step = _best(db, columns, key, minimised)


def _best(db: Connection, columns: RunColumns, key: str, minimised: bool) -> Best:
    best: dict[str, tuple[float, int]] = {}
    known = best.get
    # The primary key begins with the metric and holds the value, so that nothing but the index is read. A tuple a run
    # is twice as quick as writing to the columns at each of perhaps millions of points.
    sign = "" if minimised else "-"
    for run_id, step, value in db.execute(
        f"SELECT run_uuid, step, {sign}value FROM metrics WHERE key = ? AND is_nan = false", (key,)
    ):
        found = known(run_id)
        if found is None or value < found[0] or (value == found[0] and step < found[1]):
            best[run_id] = (value, step)
    places, length = columns.places.get, len(columns)
    values, steps = array("d", [NAN]) * length, array("q", [MISSING]) * length
    for run_id, (value, step) in best.items():
        at = places(run_id)
        if at is not None:
            values[at], steps[at] = from_store(value if minimised else -value), step
    return values, steps


def settle_names(columns: RunColumns) -> None:
    """Names and users that only a tag tells."""
    named, users = columns.tags.get("mlflow.runName"), columns.tags.get("mlflow.user")
    if named is not None and "" in columns.names:
        columns.names = [name or named[at] or "" for at, name in enumerate(columns.names)]
    if users is not None:
        words = [columns.user.code(word) if word else -1 for word in users.words]
        for at, code in enumerate(users.codes):
            if code >= 0 and words[code] >= 0:
                columns.user.codes[at] = words[code]


__all__ = ["NAN", "fit_length", "read_columns", "read_skeleton", "settle_names"]
