"""What the child process of a start reads: the newest runs for the first frame, then every run of a large store."""

import pickle
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edm_core.errors import EdmError
from edm_core.stores.last_snapshot import last_snapshot, save_snapshot
from edm_core.stores.protocols import ManyRuns, TrackingStore
from edm_core.stores.run_codec import DamagedError, decode, encode
from edm_core.stores.runs import change_token, judged, load_runs
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace

FIRST_PAGE = 100
"""Runs that are read for the first frame."""


@dataclass(frozen=True, slots=True)
class AllRuns:
    """All runs of an experiment with the best values of these metrics."""

    experiment: str
    metrics: tuple[str, ...]
    many: ManyRuns


def first_and_all(workspace: Workspace, experiment: str | None = None, metrics: Sequence[str] = ()) -> Iterator[bytes]:
    """First (change token, RunsSnapshot or EdmError), pickled; then, where there are more runs, those in parts."""
    # Before the read: what changes while it goes on is seen by the first poll.
    token: Hashable = None
    try:
        token = change_token(workspace)
        snapshot = load_runs(workspace, experiment, FIRST_PAGE, metrics)
        store = open_tracking(workspace)
    except EdmError as error:
        yield pickle.dumps((token, error), pickle.HIGHEST_PROTOCOL)
        return
    more = len(snapshot.rows) >= FIRST_PAGE
    yield pickle.dumps((token, replace(snapshot, partial=more)), pickle.HIGHEST_PROTOCOL)
    if more and isinstance(store, SqlTracking):
        store.may_fork = True
        name, best_of = snapshot.experiment, judged(workspace, metrics)
        try:
            many = all_runs(workspace, store, name, best_of)
        except EdmError:
            # The screen reads for itself then, and tells why it cannot.
            return
        yield from encode(many.columns, [name, best_of, many.mark])


def all_runs(workspace: Workspace, store: TrackingStore, experiment: str, best_of: Sequence[str]) -> ManyRuns:
    """Every run: as the disk remembers them, brought up to date where the store tells what changed, else read anew.
    Keeps them for the next time. Raises StoreError."""
    began = time.time()
    last = last_snapshot(workspace, experiment, best_of)
    known = ManyRuns(last[0], last[1]) if last is not None and last[1] is not None else None
    many = store.many(experiment, best_of, known)
    if known is None or many.columns is not known.columns:
        save_snapshot(workspace, experiment, best_of, many.columns, many.mark, began)
    return many


def taken_over(messages: Iterable[bytes]) -> AllRuns | None:
    """The runs that `first_and_all` told after the first message; None where it told none."""
    try:
        columns, told = decode(messages)
        experiment, metrics, mark = told
    except DamagedError:
        return None
    return AllRuns(experiment, tuple(metrics), ManyRuns(columns, mark))
