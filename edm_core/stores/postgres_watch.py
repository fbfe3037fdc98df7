"""Whether something that a screen shows has changed in a database on PostgreSQL: one round trip while nobody writes.

Each transaction that writes moves the server's snapshot at once, in whatever database of the server it writes. Only
then are MLflow's tables looked at: how many rows each has, and which transaction wrote the newest of them. Of the
tables that only grow, points and params, the last pages tell.
"""

import atexit
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from edm_core.errors import StoreError
from edm_core.stores.database import Connection
from edm_core.stores.postgres import Asking, PostgresServer

AWAY_SECONDS = 2
"""A server that does not answer counts as changed so often, so that it is asked again."""
TAIL_PAGES = 64
"""How far from its end a row may be put into a table that only grows: each writer fills a page of its own."""
GROWING = ("metrics", "params")
SNAPSHOT = "SELECT CAST(txid_current_snapshot() AS text)"
_READ_WHOLE = (
    "experiments", "runs", "tags", "registered_models", "model_versions", "registered_model_tags",
    "model_version_tags", "registered_model_aliases",
)  # fmt: skip
# Ages are counted from the next transaction, which moves on: their difference stays. 3 is the first of all.
_NEWEST = "min(age(xmin)) - (SELECT age(CAST('3' AS xid)))"
_watches: "dict[str, _Watch]" = {}


def postgres_token(server: PostgresServer) -> Hashable:
    """A value that changes when the database changed or went away, and every AWAY_SECONDS while it is away."""
    return _watches.setdefault(server.name, _Watch(server)).token()


def pages_of(db: Connection, table: str) -> int:
    """The size of a table in PostgreSQL's pages."""
    asked = f"SELECT pg_relation_size('{table}') / CAST(current_setting('block_size') AS bigint)"
    return int(db.execute(asked).fetchone()[0])


def in_tail(pages: int) -> str:
    """The condition on rows that they lie behind, or not far before, so many pages."""
    return f"ctid >= CAST('({max(0, pages - TAIL_PAGES)},0)' AS tid)"


@dataclass(slots=True)
class _Watch:
    """Keeps a connection: to take one from the pool costs a further round trip."""

    server: PostgresServer
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _db: Asking | None = None
    _tables: tuple[str, ...] = ()
    _snapshot: str = ""
    _newest: Hashable = None
    _ends_with_us: bool = False

    def token(self) -> Hashable:
        with self._lock:
            try:
                with self.server.explaining():
                    return self._asked(self._db or self._connected())
            except StoreError as error:
                self._close()
                return error.message, int(time.monotonic() // AWAY_SECONDS)

    def _close(self) -> None:
        """Give the connection back: one that is kept after each failure would soon leave none to take."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connected(self) -> Asking:
        self._db = db = self.server.opened()
        if not self._ends_with_us:
            atexit.register(self._close)
            self._ends_with_us = True
        marks = ",".join("?" * len(_READ_WHOLE + GROWING))
        # Of tables that are not there to_regclass is NULL; others may not be for this user to read.
        found = db.execute(
            f"SELECT t FROM unnest(ARRAY[{marks}]) t WHERE has_table_privilege(to_regclass(t), 'SELECT')",
            (*_READ_WHOLE, *GROWING),
        ).fetchall()
        self._tables, self._snapshot = tuple(table for (table,) in found), ""
        return db

    def _asked(self, db: Connection) -> Hashable:
        snapshot = str(db.execute(SNAPSHOT).fetchone()[0])
        if snapshot != self._snapshot or not self._tables:
            self._newest = tuple(self._state(db, table) for table in self._tables)
            self._snapshot = snapshot
        return self._newest if self._tables else snapshot

    def _state(self, db: Connection, table: str) -> tuple[int, ...]:
        """What of a table moves with each change: its size and the transaction that wrote its newest row."""
        if table not in GROWING:
            return tuple(db.execute(f"SELECT count(*), {_NEWEST} FROM {table}").fetchone())
        pages = pages_of(db, table)
        return pages, db.execute(f"SELECT {_NEWEST} FROM {table} WHERE {in_tail(pages)}").fetchone()[0]
