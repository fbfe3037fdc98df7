"""Rows in a database in memory with MLflow's tables, so that the one SELECT answers where there is no database."""

import math
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from edm_core.snapshots.runs import RunRow

_SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT UNIQUE, lifecycle_stage TEXT DEFAULT 'active');
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
                   user_id TEXT, artifact_uri TEXT, lifecycle_stage TEXT, experiment_id INTEGER);
CREATE TABLE latest_metrics (key TEXT, run_uuid TEXT, value REAL, is_nan INTEGER, PRIMARY KEY (key, run_uuid));
CREATE TABLE params (key TEXT, run_uuid TEXT, value TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key TEXT, run_uuid TEXT, value TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE datasets (dataset_uuid TEXT PRIMARY KEY, name TEXT, digest TEXT);
CREATE TABLE inputs (input_uuid TEXT PRIMARY KEY, source_id TEXT, destination_id TEXT);
CREATE TABLE input_tags (input_uuid TEXT, name TEXT, value TEXT);
"""


@contextmanager
def as_database(rows: Iterable[RunRow]) -> Iterator[sqlite3.Connection]:
    """What rows know, as tables; artifact URIs and data sets are not in them, so nothing fits a question for these."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        for row in rows:
            _insert(db, row)
        yield db


def _insert(db: sqlite3.Connection, row: RunRow) -> None:
    db.execute("INSERT OR IGNORE INTO experiments (name) VALUES (?)", (row.experiment,))
    db.execute(
        "INSERT INTO runs SELECT ?, ?, ?, ?, ?, ?, '', ?, experiment_id FROM experiments WHERE name = ?",
        (
            row.run_id, row.name, row.status, row.start_ms, row.end_ms, row.user,
            "deleted" if row.deleted else "active", row.experiment,
        ),
    )  # fmt: skip
    tags = {"mlflow.runName": row.name, **row.tags}
    for table, values in (("params", row.params), ("tags", tags)):
        db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?)", [(key, row.run_id, value) for key, value in values.items()]
        )
    db.executemany(
        "INSERT INTO latest_metrics VALUES (?, ?, ?, ?)",
        [(key, row.run_id, *_stored(summary.last)) for key, summary in row.metrics.items()],
    )


def _stored(value: float) -> tuple[float, bool]:
    """A metric's value as MLflow keeps it in a database: NaN as 0 and a flag, infinities as the largest floats."""
    if math.isnan(value):
        return 0.0, True
    return min(max(value, -sys.float_info.max), sys.float_info.max), False
