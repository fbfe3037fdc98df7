"""`--filter` and `--order-by`: which runs fit, in which order, on whatever store the workspace has.

Databases are asked directly, by one SELECT; runs in memory are put into SQLite for it. Other stores are asked through
MLflow's client in its own language.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from edm_core.query.expressions import OrderKey, Query
from edm_core.query.grammar import parse
from edm_core.query.names import ATTRIBUTES
from edm_core.query.ordering import parts_of, read_order
from edm_core.query.sql import SETTING, Bound, select_among_newest, select_runs
from edm_core.settings import MetricsSettings
from edm_core.stores.database import Connection
from edm_core.stores.memory import MemoryTracking
from edm_core.stores.protocols import ALL_EXPERIMENTS, TrackingStore
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.tracking import EmptyTracking, open_tracking
from edm_core.workspace import Workspace

NEWEST = 20
"""For each run that is wanted, so many of the newest are looked at before all are."""
_DIRECTION = re.compile(r"\s+(asc|desc)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Matches:
    """Ids of the runs that fit, in order; `notice` says how they were found where that took a detour."""

    run_ids: list[str]
    notice: str = ""


def matching_runs(
    workspace: Workspace, query: str, order_by: str = "", limit: int | None = None, experiment: str | None = None
) -> Matches:
    """The active runs that `query` ("" for all) selects, in the order asked, else newest first.

    `order_by` lists `metrics.x DESC` and the like, separated by commas; a bare metric name means the best last value
    first, by the metric's direction. Raises QueryError for what cannot be read, StoreError.
    """
    found = direct_matches(workspace, query, order_by, limit, experiment)
    if found is not None:
        return found
    return _asked(workspace, open_tracking(workspace), query, order_by, limit, experiment)


def _asked(
    workspace: Workspace, store: TrackingStore, query: str, order_by: str, limit: int | None, experiment: str | None
) -> Matches:
    from edm_core.stores.client_tracking import ClientTracking
    from edm_core.stores.query_client import ask_client

    if not isinstance(store, ClientTracking):
        raise TypeError(f"{store.label} answers no questions in MLflow's language")
    keys = order_keys(order_by, workspace.settings.metrics)
    name = workspace.settings.tracking.experiment if experiment is None else experiment
    run_ids, detour = ask_client(store, name, parse(query), keys, limit)
    return Matches(run_ids, " · ".join(filter(None, (store.notice, detour))))


def direct_matches(
    workspace: Workspace, query: str, order_by: str = "", limit: int | None = None, experiment: str | None = None
) -> Matches | None:
    """As `matching_runs`, but None where only MLflow's client could answer: this never imports MLflow."""
    asked = parse(query)
    order = read_order(order_keys(order_by, workspace.settings.metrics))
    name = workspace.settings.tracking.experiment if experiment is None else experiment
    store = open_tracking(workspace)
    if isinstance(store, SqlTracking):
        with store.database.reading() as db:
            if store.database.is_file:
                db.execute(SETTING)
            return Matches(_select(db, asked, order, name, limit), store.notice)
    if isinstance(store, EmptyTracking):
        return Matches([], store.notice)
    if isinstance(store, MemoryTracking):
        from edm_core.stores.query_scratch import as_database

        with as_database(store.runs(name, None, ())) as db:
            db.execute(SETTING)
            return Matches(_select(db, asked, order, name, limit))
    if urlsplit(workspace.tracking_uri).scheme in ("http", "https"):
        from edm_core.stores.http_tracking import HttpTracking

        if isinstance(store, HttpTracking):
            return _asked(workspace, store, query, order_by, limit, experiment)
    return None


def order_keys(order_by: str, metrics: MetricsSettings) -> list[str]:
    """MLflow's `order_by` list of what the user typed."""
    keys = []
    for part in parts_of(order_by):
        direction = _DIRECTION.search(part)
        name = part[: direction.start()] if direction else part
        if "." not in name and name not in (*ATTRIBUTES, "created", "Created") and not name.startswith(("`", '"')):
            otherwise = "ASC" if metrics.minimised(name) else "DESC"
            keys.append(f"metrics.`{name}` {direction[1] if direction else otherwise}")
        else:
            keys.append(part)
    return keys


def _select(db: Connection, query: Query, order: Sequence[OrderKey], experiment: str, limit: int | None) -> list[str]:
    named = None if experiment == ALL_EXPERIMENTS else experiment
    if limit is not None and not order and query.text.strip():
        # Many questions are answered by the newest runs alone, and looking at these first costs little.
        found = _ids(db, select_among_newest(query.expression, named, limit, NEWEST * limit))
        if len(found) == limit:
            return found
    return _ids(db, select_runs(query.expression, order, named, limit))


def _ids(db: Connection, select: Bound) -> list[str]:
    return [run_id for (run_id,) in db.execute(*select)]
