"""Histories from MLflow's tables in PostgreSQL: the server cuts a long history into parts, and keeps their extremes."""

from edm_core.curves.history import BAD_LIMIT, History, Timed
from edm_core.stores.database import Connection
from edm_core.stores.sqlite_history import NUMBERS, HistoryReader


class PostgresHistoryReader(HistoryReader):
    """Reads histories on one open connection."""

    def __init__(self, db: Connection) -> None:
        super().__init__(db, "")

    def _reduced(self, run_id: str, key: str, first: int, last: int, parts: int) -> History:
        width = last - first + 1
        parts = min(parts, width)
        rows = self._db.execute(
            "SELECT (step - ?) * ? / ?, min(step), min(timestamp), min(value), max(value), avg(value), count(*),"
            f" max(step), max(timestamp) {self._metrics} AND step >= ? AND step <= ? AND {NUMBERS}"
            " GROUP BY 1 ORDER BY 1",
            (first, parts, width, run_id, key, first, last),
        ).fetchall()
        # The last sample stands where the history ends.
        steps = [row[1] for row in rows[:-1]] + [row[7] for row in rows[-1:]]
        times = [row[2] for row in rows[:-1]] + [row[8] for row in rows[-1:]]
        lows, highs, means = ([float(row[column]) for row in rows] for column in (3, 4, 5))
        bad: list[Timed] = self._bad((run_id, key, first, last + 1), BAD_LIMIT)
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
