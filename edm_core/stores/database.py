"""A database with MLflow's tables, opened for reading: the same SQL for SQLite's file and for PostgreSQL."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edm_core.stores.sqlite_schema import reading


class Connection(Protocol):
    """What sqlite3's connection offers of old: `?` stands for a value."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        """Rows to iterate over, with `fetchone` and `fetchall`."""


class Database(Protocol):
    """Where the tables are."""

    @property
    def name(self) -> str:
        """What tells this database from others in this process; never shown."""
        ...

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite's, so that rows have a rowid and changes show on the file."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that cannot write. Raises StoreError for what the database has to say."""
        ...


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """SQLite's, through the standard library: no import is worth a first frame."""

    path: Path
    is_file: bool = True

    @property
    def name(self) -> str:
        return str(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with reading(self.path) as connection:
            yield connection


def in_chunks(values: Sequence[str], size: int = 500) -> Iterator[tuple[str, list[str]]]:
    """Lists of at most `size` values, each once, with as many question marks."""
    rest = list(dict.fromkeys(values))
    for start in range(0, len(rest), size):
        part = rest[start : start + size]
        yield ",".join("?" * len(part)), part
