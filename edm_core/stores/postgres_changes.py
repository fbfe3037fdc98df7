"""Which runs on PostgreSQL were changed by others, without reading the runs.

Each row tells the transaction that wrote it: rows that are new or other than before were written by one that had not
ended then. Tags can be taken away, which leaves no row to tell it: each block of runs has a digest of its tags. Points
and params are only ever added, near the end of their tables. 50 ms for 100,000 runs; 200 ms where tags changed.
"""

from dataclasses import dataclass
from typing import Any

from edm_core.stores.database import Connection
from edm_core.stores.postgres_watch import GROWING, SNAPSHOT, in_tail, pages_of

BLOCKS = 1024
_BLOCK = f"hashtext(run_uuid) & {BLOCKS - 1}"
_XIDS = 1 << 32


@dataclass(slots=True)
class PostgresMark:
    """How far the tables were read."""

    unended: int
    """The oldest transaction that had not ended, with its epoch."""
    pages: dict[str, int]
    tags: dict[int, tuple[int, int]]
    """Block of runs → (tags, digest of the transactions that wrote them)."""

    def as_json(self) -> list[Any]:
        return ["postgresql", self.unended, self.pages, list(self.tags.items())]


def postgres_mark_from(raw: Any) -> PostgresMark | None:
    """What `as_json` gave; None for anything else."""
    try:
        kind, unended, pages, tags = raw
        blocks = {int(block): (int(count), int(digest)) for block, (count, digest) in tags}
        known = PostgresMark(int(unended), {table: int(pages[table]) for table in GROWING}, blocks)
    except (TypeError, ValueError, KeyError):
        return None
    return known if kind == "postgresql" else None


def take_postgres_mark(db: Connection) -> PostgresMark:
    """Where the tables are now. To be taken before they are read: what comes in between is then read twice."""
    oldest = int(str(db.execute(SNAPSHOT).fetchone()[0]).partition(":")[0])
    return PostgresMark(oldest, {table: pages_of(db, table) for table in GROWING}, _blocks(db))


def changed_on_postgres(db: Connection, old: PostgresMark) -> tuple[set[str] | None, PostgresMark]:
    """Ids of the runs that are new or other than at `old`, and the mark for the next time; of runs that are gone it
    knows nothing. None in place of the ids where too much was written for rows to tell."""
    oldest, following = (int(part) for part in str(db.execute(SNAPSHOT).fetchone()[0]).split(":")[:2])
    if not 0 <= following - old.unended < _XIDS // 2:
        # Numbers of transactions come round again; or the database is another one.
        return None, take_postgres_mark(db)
    new = PostgresMark(oldest, {table: pages_of(db, table) for table in GROWING}, old.tags)
    since = f"age(xmin) <= (SELECT age(CAST('{old.unended % _XIDS}' AS xid)))"
    asked = [f"SELECT run_uuid FROM runs WHERE {since}"]
    asked += [f"SELECT run_uuid FROM {table} WHERE {in_tail(old.pages[table])} AND {since}" for table in GROWING]
    found = {run_id for (run_id,) in db.execute(" UNION ".join(asked))}
    count, written = db.execute(f"SELECT count(*), count(*) FILTER (WHERE {since}) FROM tags").fetchone()
    if written or count != sum(tags for tags, _ in old.tags.values()):
        new.tags = _blocks(db)
        blocks = [block for block in old.tags.keys() | new.tags.keys() if old.tags.get(block) != new.tags.get(block)]
        marks = ",".join("?" * len(blocks))
        if blocks:
            found |= {id_ for (id_,) in db.execute(f"SELECT run_uuid FROM runs WHERE {_BLOCK} IN ({marks})", blocks)}
    return found, new


def _blocks(db: Connection) -> dict[int, tuple[int, int]]:
    asked = f"SELECT {_BLOCK}, count(*), sum(hashtext(CAST(xmin AS text))) FROM tags GROUP BY 1"
    return {block: (count, int(digest)) for block, count, digest in db.execute(asked)}
