"""Which runs of a store that tells no changes are worth asking for again, and their newer facts put into columns."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edm_core.snapshots.run_builder import extended
from edm_core.snapshots.run_columns import MISSING, RunColumns
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.protocols import ALL_EXPERIMENTS

ACTIVE = ("RUNNING", "SCHEDULED")
WINDOW = 100
"""So many older runs are looked at again each time: with a question every 10 s all of 10,000 within 17 minutes."""


@dataclass(frozen=True, slots=True)
class Window:
    """The runs of a stretch of time: those that started before `before` (None: whenever) and not before `since`."""

    run_ids: list[str]
    before: int | None
    since: int | None

    @property
    def query(self) -> str:
        """In MLflow's language, "" where it is all runs."""
        ends = [f"attributes.start_time < {self.before}"] if self.before is not None else []
        ends += [f"attributes.start_time >= {self.since}"] if self.since is not None else []
        return " AND ".join(ends)


def window_before(columns: RunColumns, before: int | None) -> Window:
    """The next WINDOW known runs, newest first, that started before this (None: the newest of all)."""
    start = columns.start_ms
    known = (at for at in range(len(columns)) if start[at] != MISSING and columns.run_ids[at])
    places = sorted(known, key=start.__getitem__)
    end = len(places) if before is None else bisect_left(places, before, key=start.__getitem__)
    first = max(0, end - WINDOW)
    # Runs of one moment are not parted, and the last stretch has no end: an older run may have come back.
    first = bisect_left(places, start[places[first]], key=start.__getitem__) if first else 0
    since = start[places[first]] if first else None
    return Window([columns.run_ids[at] for at in places[first:end]], before, since)


def asked_again(columns: RunColumns) -> tuple[list[str], int]:
    """Ids of the runs that go on, as far as is known, and the start of the newest run (0 where there is none)."""
    codes = {code for code, word in enumerate(columns.status.words) if word in ACTIVE}
    active = [
        columns.run_ids[at]
        for at, code in enumerate(columns.status.codes)
        if code in codes and at not in columns.deleted
    ]
    return active, max(0, max(columns.start_ms, default=0))


def with_changed(columns: RunColumns, rows: Mapping[str, RunRow], experiment: str) -> RunColumns:
    """Columns with these rows as they are now, the same object where they are as they were. Runs of other experiments
    and deleted ones are put in only where they were there before. A best value that a row does not tell stays for as
    long as the metric's last value does."""
    places = columns.places
    changed = []
    for row in rows.values():
        at = places.get(row.run_id)
        if at is None:
            if not row.deleted and experiment in (row.experiment, ALL_EXPERIMENTS):
                changed.append(row)
            continue
        known = columns.row(at)
        told = replace(row, metrics={key: _judged(known, key, one) for key, one in row.metrics.items()})
        # As text, because NaN is unequal to itself.
        if repr(known) != repr(told):
            changed.append(told)
    return extended(columns, changed) if changed else columns


def gone(columns: RunColumns, run_ids: Iterable[str]) -> RunColumns:
    """Columns in which these runs, which the store does not have any more, count as deleted."""
    places = [columns.places[run_id] for run_id in run_ids if run_id in columns.places]
    missing = [at for at in places if at not in columns.deleted]
    return extended(columns, [replace(columns.row(at), deleted=True) for at in missing]) if missing else columns


def _judged(known: RunRow, key: str, told: MetricSummary) -> MetricSummary:
    before = known.metrics.get(key)
    if told.best is not None or told.spark or before is None:
        return told
    same = repr((before.last, before.last_step)) == repr((told.last, told.last_step))
    return before if same else told
