"""MLflow's tables on a server of PostgreSQL, through SQLAlchemy Core: the statements are those for SQLite."""

import atexit
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edm_core.errors import StoreError
from edm_core.stores.database import Connection
from edm_core.stores.reachable import check_database_server
from edm_core.stores.redact import brief_reason

if TYPE_CHECKING:
    from sqlalchemy import Connection as SqlConnection
    from sqlalchemy import CursorResult, Engine

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
_MARK = re.compile(r"\?")
_engines: "dict[str, Engine]" = {}
"""By URI, each with at most a few connections: making one costs more than most questions."""


def is_postgres(uri: str) -> bool:
    return urlsplit(uri).scheme.partition("+")[0] in ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The database of a `postgresql://` URI (or with a driver, `postgresql+psycopg2://`)."""

    uri: str
    label: str
    is_file: bool = False

    @property
    def name(self) -> str:
        return self.uri

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Every statement is a transaction of its own, and none may write. Raises StoreError."""
        with self.explaining(), self._engine().connect() as connection:
            yield Asking(connection)

    def opened(self) -> "Asking":
        """As `reading`, a connection to keep and to close. Its statements raise what `explaining` explains."""
        with self.explaining():
            return Asking(self._engine().connect())

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """What the driver raises in here comes out as StoreError."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            raise StoreError(
                f"{self.label} does not answer: {brief_reason(getattr(error, 'orig', None) or error)}",
                "Is the database up, and [tracking] uri in edm.toml right?",
            ) from error

    def _engine(self) -> "Engine":
        engine = _engines.get(self.uri)
        if engine is None:
            check_database_server(self.uri)
            from sqlalchemy import create_engine

            options = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS * 1000}"
            try:
                engine = create_engine(
                    self.uri, pool_size=2, max_overflow=6, pool_pre_ping=True, isolation_level="AUTOCOMMIT",
                    connect_args={"connect_timeout": CONNECT_SECONDS, "options": options},
                )  # fmt: skip
            except ModuleNotFoundError as error:
                raise StoreError(
                    f"{self.label} cannot be read: no module {error.name!r}",
                    "`pip install 'edm-tui[postgres]'`, or name the driver that is there: postgresql+psycopg2://…",
                ) from error
            # A server complains of clients that are just gone.
            atexit.register(engine.dispose)
            _engines[self.uri] = engine
        return engine


class Asking:
    """A connection that takes statements as sqlite3's does."""

    def __init__(self, connection: "SqlConnection") -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> "CursorResult[Any]":
        from sqlalchemy import text

        numbers = iter(range(len(values)))
        named = _MARK.sub(lambda _: f":v{next(numbers)}", sql.replace(":", r"\:"))
        return self._connection.execute(text(named), {f"v{i}": value for i, value in enumerate(values)})

    def close(self) -> None:
        self._connection.close()


def postgres_revision(db: Connection) -> str:
    """The schema's Alembic revision; "" where MLflow has not made its tables (yet)."""
    if db.execute("SELECT to_regclass('alembic_version')").fetchone()[0] is None:
        return ""
    row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""
