"""Which runs of a store that tells no changes are worth asking for again, and their newer facts put into columns."""

from collections.abc import Mapping

from edm_core.snapshots.run_builder import extended
from edm_core.snapshots.run_columns import RunColumns
from edm_core.snapshots.runs import RunRow
from edm_core.stores.protocols import ALL_EXPERIMENTS

ACTIVE = ("RUNNING", "SCHEDULED")


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
    and deleted ones are put in only where they were there before."""
    places = columns.places
    changed = []
    for row in rows.values():
        at = places.get(row.run_id)
        if at is None:
            if not row.deleted and experiment in (row.experiment, ALL_EXPERIMENTS):
                changed.append(row)
        elif repr(columns.row(at)) != repr(row):
            # As text, because NaN is unequal to itself.
            changed.append(row)
    return extended(columns, changed) if changed else columns
