"""Histories from MLflow's tables in PostgreSQL: the server cuts a long history into parts, and keeps their extremes."""

from collections.abc import Sequence
from typing import Any

from edm_core.curves.history import BAD_LIMIT, History, Span, Timed
from edm_core.stores.database import Connection
from edm_core.stores.sqlite_history import NUMBERS, HistoryReader


class PostgresHistoryReader(HistoryReader):
    """Reads histories on one open connection."""

    def __init__(self, db: Connection) -> None:
        super().__init__(db, "")

    def _reduced(self, run_id: str, key: str, first: int, last: int, parts: int) -> History:
        width = last - first + 1
        parts = min(parts, width)
        rows = self._grouped(run_id, key, (first, last), (parts, width), "")
        bad: list[Timed] = []
        if any(row[9] for row in rows):
            # Rare, and then worth two more passes: most histories hold numbers alone.
            rows = self._grouped(run_id, key, (first, last), (parts, width), f" AND {NUMBERS}")
            bad = self._bad((run_id, key, first, last + 1), BAD_LIMIT)
        # The last sample stands where the history ends.
        steps = [row[1] for row in rows[:-1]] + [row[7] for row in rows[-1:]]
        times = [row[2] for row in rows[:-1]] + [row[8] for row in rows[-1:]]
        lows, highs, means = ([float(row[column]) for row in rows] for column in (3, 4, 5))
        newest = self._points(run_id, key, (last, last))[-1:]
        lowest, highest = None, None
        if rows:
            low, high = rows[lows.index(min(lows))], rows[highs.index(max(highs))]
            lowest = self._extreme("min", run_id, key, (low[1], low[7] + 1))
            highest = self._extreme("max", run_id, key, (high[1], high[7] + 1))
        return History(
            tuple(steps), tuple(times), tuple(lows), tuple(highs), tuple(means), tuple(int(row[6]) for row in rows),
            tuple(bad), lowest, highest, newest[0] if newest else None, exact=False,
        )  # fmt: skip

    def _grouped(self, run_id: str, key: str, span: Span, cut: tuple[int, int], more: str) -> Sequence[Sequence[Any]]:
        """Of each part that is not empty: first step and time, extremes, mean, count, last step and time, and whether
        something in it is no number."""
        parts, width = cut
        found: Sequence[Sequence[Any]] = self._db.execute(
            "SELECT (step - ?) * ? / ?, min(step), min(timestamp), min(value), max(value),"
            # Two infinities are more than an average can hold.
            f" avg(value) FILTER (WHERE {NUMBERS}), count(*), max(step), max(timestamp), bool_or(NOT ({NUMBERS}))"
            f" {self._metrics} AND step >= ? AND step <= ?{more}"
            " GROUP BY 1 ORDER BY 1",
            (span[0], parts, width, run_id, key, *span),
        ).fetchall()
        return found
