"""Histories from MLflow's SQLite file: bounded reads, in which a spike never disappears.

A long history is cut into parts of equal width in steps, and SQLite finds the extremes of each part by the index that
holds a run's points together: a fifth of a second for a million points, where grouping them takes one and reading them
into Python one and a half.
"""

from collections.abc import Iterator, Mapping, Sequence

from edm_core.curves.history import BAD_LIMIT, EXACT, History, Span, Timed, extended, from_points
from edm_core.stores.database import Connection
from edm_core.stores.series import STORED_INFINITY, from_store
from edm_core.stores.sqlite_schema import series_index

_POINT = "step, timestamp, value, is_nan"
NUMBERS = f"NOT is_nan AND value < {STORED_INFINITY!r} AND value > -{STORED_INFINITY!r}"


class HistoryReader:
    """Reads histories on one open connection."""

    def __init__(self, db: Connection, index: str | None = None) -> None:
        self._db = db
        self._index = series_index(db) if index is None else index
        self._metrics = f"FROM metrics {self._index} WHERE run_uuid = ? AND key = ?"

    def read(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: Span | None, known: Mapping[str, History]
    ) -> dict[str, History]:
        """The histories of these metrics (all where None). Of `known` ones only what came since is read."""
        found = {}
        for key, last in self._newest(run_id).items():
            if keys is None or key in keys:
                old = known.get(key) if span is None else None
                if old is not None and old.last is not None and repr(old.last) == repr(last):
                    found[key] = old
                else:
                    found[key] = self._grown(run_id, key, old, last) or self._history(run_id, key, parts, span)
        return found

    def _newest(self, run_id: str) -> dict[str, Timed]:
        rows = self._db.execute(
            f"SELECT key, {_POINT} FROM latest_metrics WHERE run_uuid = ? ORDER BY key", (run_id,)
        ).fetchall()
        return {key: (step, at, from_store(value, nan)) for key, step, at, value, nan in rows}

    def _grown(self, run_id: str, key: str, old: History | None, last: Timed) -> History | None:
        """A known history with the points behind it; None where it has to be read again."""
        if old is None or old.last is None or last[0] <= old.last[0]:
            return None
        new = self._points(run_id, key, (old.last[0] + 1, last[0]))
        # A history that has grown much is cut into parts again; a short one is so cheap that a whole read also finds
        # what was logged out of order.
        if len(new) > EXACT or len(old) + len(new) > 2 * EXACT or old.exact:
            return None
        return extended(old, new)

    def _history(self, run_id: str, key: str, parts: int, span: Span | None) -> History:
        points = self._points(run_id, key, span) if self._count(run_id, key, span) <= EXACT else None
        if points is not None:
            return from_points(points)
        first, last = self._ends(run_id, key)
        if span is not None:
            first, last = max(first, span[0]), min(last, span[1])
        return self._reduced(run_id, key, first, last, parts)

    def _count(self, run_id: str, key: str, span: Span | None) -> int:
        where, values = _between(span)
        query = f"SELECT count(*) FROM (SELECT 1 {self._metrics}{where} LIMIT {EXACT + 1}) AS few"
        return int(self._db.execute(query, (run_id, key, *values)).fetchone()[0])

    def _points(self, run_id: str, key: str, span: Span | None) -> list[Timed]:
        where, values = _between(span)
        rows = self._db.execute(
            f"SELECT {_POINT} {self._metrics}{where} ORDER BY step, timestamp LIMIT {EXACT + 1}",
            (run_id, key, *values),
        ).fetchall()
        return [(step, at, from_store(value, nan)) for step, at, value, nan in rows]

    def _ends(self, run_id: str, key: str) -> tuple[int, int]:
        first, last = (
            self._db.execute(f"SELECT step {self._metrics} ORDER BY step {order} LIMIT 1", (run_id, key)).fetchone()[0]
            for order in ("ASC", "DESC")
        )
        return first, last

    def _reduced(self, run_id: str, key: str, first: int, last: int, parts: int) -> History:
        width = last - first + 1
        parts = min(parts, width)
        bounds = [first + index * width // parts for index in range(parts + 1)]
        samples: list[tuple[int, int, float, float, float, int]] = []
        bad: list[Timed] = []
        kept: list[Span] = []
        for index, text in self._packed(run_id, key, first, width, parts):
            step, at, nan, count, low, high, total = _unpacked(text)
            where = (run_id, key, bounds[index], bounds[index + 1])
            # The largest double may have lost its last digit on the way through text.
            if nan or max(-low, high) > STORED_INFINITY / 2:
                bad += self._bad(where, BAD_LIMIT - len(bad))
                step, at, low, high, total, count = self._numbers_of(where)
            if count:
                samples.append((step, at, low, high, total / count, count))
                kept.append(where[2:])
        if len(samples) > 1:
            samples[0] = (*self._end(run_id, key, kept[0], "ASC"), *samples[0][2:])
            samples[-1] = (*self._end(run_id, key, kept[-1], "DESC"), *samples[-1][2:])
        steps, times, lows, highs, means, counts = zip(*samples, strict=True) if samples else ((),) * 6
        newest = self._points(run_id, key, (last, last))[-1:]
        return History(
            steps, times, lows, highs, means, counts, tuple(bad),
            self._extreme("min", run_id, key, kept[lows.index(min(lows))] if samples else None),
            self._extreme("max", run_id, key, kept[highs.index(max(highs))] if samples else None),
            newest[0] if newest else None, exact=False,
        )  # fmt: skip

    def _packed(self, run_id: str, key: str, first: int, width: int, parts: int) -> Iterator[tuple[int, str]]:
        """Each part that is not empty, as text, all of a history in one row: threads that read, and the one that draws,
        wait for each other at each row.

        Beside min() and max() SQLite takes step and time of a row that holds one of the two.
        """
        (text,) = self._db.execute(
            "WITH RECURSIVE part(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM part WHERE i + 1 < ?1)"
            " SELECT group_concat(i || ' ' || (SELECT printf('%d %d %d %d %!.17g %!.17g %!.17g', step, timestamp,"
            f" max(is_nan), count(*), min(value), max(value), total(value)) FROM metrics {self._index}"
            " WHERE run_uuid = ?2 AND key = ?3 AND step >= ?4 + i * ?5 / ?1 AND step < ?4 + (i + 1) * ?5 / ?1"
            " HAVING count(*) > 0), char(10)) FROM part",
            (parts, run_id, key, first, width),
        ).fetchone()
        for line in (text or "").splitlines():
            index, _, packed = line.partition(" ")
            yield int(index), packed

    def _end(self, run_id: str, key: str, part: Span, order: str) -> tuple[int, int]:
        """Step and time of the first or the last number of a part."""
        step, at = self._db.execute(
            f"SELECT step, timestamp {self._metrics} AND step >= ? AND step < ? AND {NUMBERS}"
            f" ORDER BY step {order} LIMIT 1",
            (run_id, key, *part),
        ).fetchone()
        return step, at

    def _numbers_of(self, where: tuple[str, str, int, int]) -> tuple[int, int, float, float, float, int]:
        """A part without its NaN and infinities."""
        row: tuple[int, int, float, float, float, int] = self._db.execute(
            "SELECT coalesce(step, 0), coalesce(timestamp, 0), min(value), max(value), total(value), count(*)"
            f" {self._metrics} AND step >= ? AND step < ? AND {NUMBERS}",
            where,
        ).fetchone()
        return row

    def _bad(self, where: tuple[str, str, int, int], limit: int) -> list[Timed]:
        rows = self._db.execute(
            f"SELECT {_POINT} {self._metrics} AND step >= ? AND step < ? AND NOT ({NUMBERS}) ORDER BY step LIMIT ?",
            (*where, max(0, limit)),
        ).fetchall()
        return [(step, at, from_store(value, nan)) for step, at, value, nan in rows]

    def _extreme(self, which: str, run_id: str, key: str, part: Span | None) -> tuple[int, float] | None:
        """The exact step of the smallest or the largest value: it lies in the part that has it."""
        if part is None:
            return None
        step, value = self._db.execute(
            f"SELECT step, value {self._metrics} AND step >= ? AND step < ? AND {NUMBERS}"
            f" ORDER BY value {'ASC' if which == 'min' else 'DESC'}, step LIMIT 1",
            (run_id, key, *part),
        ).fetchone()
        return step, value


def _unpacked(text: str) -> tuple[int, int, int, int, float, float, float]:
    step, at, nan, count, low, high, total = text.split(" ")
    return int(step), int(at), int(nan), int(count), float(low), float(high), float(total)


def _between(span: Span | None) -> tuple[str, tuple[int, ...]]:
    return ("", ()) if span is None else (" AND step >= ? AND step <= ?", span)
