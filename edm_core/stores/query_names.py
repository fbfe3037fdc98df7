"""Which metrics, params and tags the runs of a store have, for completion."""

from edm_core.query.complete import Names, names_of
from edm_core.stores.database import Connection
from edm_core.stores.memory import MemoryTracking
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.tracking import EmptyTracking, open_tracking
from edm_core.workspace import Workspace

NEWEST = 1000
"""Of a store that is not read directly, the keys of so many of the newest runs."""


def known_names(workspace: Workspace) -> Names:
    """The keys in the workspace's store, of all its experiments. Raises StoreError."""
    found = direct_names(workspace)
    return names_of(open_tracking(workspace).runs(ALL_EXPERIMENTS, NEWEST, ())) if found is None else found


def direct_names(workspace: Workspace) -> Names | None:
    """As `known_names`, but None where it would take MLflow's client. Raises StoreError."""
    store = open_tracking(workspace)
    if isinstance(store, SqlTracking):
        with store.database.reading() as db:
            return Names(_keys(db, "latest_metrics"), _keys(db, "params"), _keys(db, "tags"))
    if isinstance(store, EmptyTracking | MemoryTracking):
        return names_of(store.runs(ALL_EXPERIMENTS, NEWEST, ()))
    return None


def _keys(db: Connection, table: str) -> tuple[str, ...]:
    # From one key to the next by the table's index: DISTINCT would read the index from end to end.
    found = db.execute(
        f"WITH RECURSIVE known(key) AS (SELECT min(key) FROM {table} UNION ALL"
        f" SELECT (SELECT min(key) FROM {table} WHERE key > known.key) FROM known WHERE known.key IS NOT NULL)"
        " SELECT key FROM known WHERE key IS NOT NULL"
    )
    return tuple(key for (key,) in found)
