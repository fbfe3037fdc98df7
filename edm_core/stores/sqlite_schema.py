"""Opening MLflow's SQLite file for reading, and knowing its schema, without MLflow.

`mode=rw` with `query_only=1` rather than `mode=ro`: after a writer was killed a hot journal lies beside the file, and
only a connection that may write can roll it back. Nothing is ever written by a statement of ours.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edm_core.errors import StoreError

BUSY_SECONDS = 5.0
"""How long a read waits for a writer. MLflow's journal mode is `delete`, where a commit keeps readers out."""

# Alembic revisions, oldest first, from MLflow 1.29 (2022) to 3.17, in which the tables read here are the same.
KNOWN_REVISIONS = {
    "97727af70f4d",
    "3500859a5d39",
    "7f2a7d5fae7d",
    "2d6e25af4d3e",
    "acf3f17fdcc7",
    "867495a8f9d4",
    "5b0e9adcef9c",
    "4465047574b1",
    "f5a4f2784254",
    "0584bdc529eb",
    "400f98739977",
    "6953534de441",
    "bda7b8c39065",
    "cbc13b556ace",
    "770bee3ae1dd",
    "a1b2c3d4e5f6",
    "de4033877273",
    "1a0cddfcaa16",
    "534353b11cbc",
    "71994744cf8e",
    "3da73c924c2f",
    "bf29a5ff90ea",
    "1bd49d398cd23",
    "b7c8d9e0f1a2",
    "5d2d30f0abce",
    "c9d4e5f6a7b8",
    "2c33131f4dae",
    "d3e4f5a6b7c8",
    "d0e1f2a3b4c5",
    "c8d9e0f1a2b3",
    "1b5f0d9ad7c1",
    "e1f2a3b4c5d6",
    "76601a5f987d",
    "c3d6457b6d8a",
    "a5b4c3d2e1f0",
    "ae8bbe7743c9",
    "7d34483879f0",
    "da6fb0208061",
    "89d3d66ed43f",
    "b7e4c1a90f23",
    "a8b9c0d1e2f3",
    "c1d2e3f4a5b6",
    "c3d9e7f1a2b4",
    "6f8d9c3b2a1e",
    "1971f2d9a75b",
    "17e22815139b",
    "b7e2c1a4d9f3",
    "75868b020152",
    "dc11669786a5",
}
# Before these. MLflow refuses to read them until they are upgraded, and a store that is just being made passes through
# each of them: whoever opened it with the client then would migrate it a second time at once.
OLDER_REVISIONS = {
    "451aebb31d03",
    "90e64c465722",
    "181f10493468",
    "df50e92ffc5e",
    "7ac759974ad8",
    "89d4b8295536",
    "2b4d017a5e9b",
    "cfd24bdc0731",
    "0a8213491aaa",
    "728d730b5ebd",
    "27a6a02d2cf1",
    "84291f40a231",
    "a8c4a736bde6",
    "39d1c3be5f05",
    "c48cb773bb87",
    "bd07f7e963c5",
    "0c779009ac13",
    "cc1f77228345",
}
SERIES_INDEXES = ("index_metrics_run_uuid_key_step", "index_metrics_run_uuid")
"""Indexes that find a run's points, the better first; the planner left alone takes a far slower one."""


def database_path(uri: str) -> Path | None:
    """The file of a `sqlite:` URI; None for other stores and for databases in memory."""
    scheme, _, rest = uri.partition(":///")
    if scheme not in ("sqlite", "sqlite+pysqlite") or not rest:
        return None
    name = rest.partition("?")[0]
    return None if not name or name == ":memory:" else Path(name)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, each statement its own short transaction.

    Raises StoreError for whatever SQLite has to say, FileNotFoundError where there is no such file: it is never made.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    connection = None
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={'rw' if os.access(path, os.W_OK) else 'ro'}",
            uri=True, timeout=BUSY_SECONDS, isolation_level=None,
        )  # fmt: skip
        connection.execute("PRAGMA query_only=1")
        yield connection
    except sqlite3.Error as error:
        raise _explained(path, error) from error
    finally:
        if connection is not None:
            connection.close()


def revision(connection: sqlite3.Connection) -> str:
    """The schema's Alembic revision; "" where MLflow has not made its tables (yet)."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type='table' AND name='alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
    return str(row[0]) if row else ""


def series_index(connection: Any) -> str:
    """The best index over a run's points that this file has."""
    marks = ",".join("?" * len(SERIES_INDEXES))
    have = {
        name
        for (name,) in connection.execute(
            f"SELECT name FROM sqlite_master WHERE type='index' AND name IN ({marks})", SERIES_INDEXES
        )
    }
    for name in SERIES_INDEXES:
        if name in have:
            return f"INDEXED BY {name}"
    return ""


def _explained(path: Path, error: sqlite3.Error) -> StoreError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreError(
            f"{path} was locked by a writer for {BUSY_SECONDS:g} s",
            "Try again; if it stays, see which process holds it.",
        )
    if "readonly" in text:
        return StoreError(
            f"{path} was left unfinished by a writer that was killed, and may not be written here",
            "Open it once on a machine or as a user who may write it: that mends it.",
        )
    if "malformed" in text or "not a database" in text:
        return StoreError(f"{path} is damaged: {text}", "Restore it from a copy, or try `sqlite3 FILE .recover`.")
    return StoreError(f"{path} cannot be read: {text}", "Check the file and its folder's permissions.")
