"""The run table read again and again by one program: of many runs only what changed since the last time."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from edm_core.errors import StoreError
from edm_core.snapshots.run_columns import RunColumns
from edm_core.snapshots.runs import MetricSummary, RunsSnapshot
from edm_core.stores.joining import Local, read_local
from edm_core.stores.newest_runs import save_newest
from edm_core.stores.protocols import MEMORY, LateBest, ManyRuns, Progress, TrackingStore
from edm_core.stores.runs import assembled, judged
from edm_core.stores.sqlite_schema import database_path
from edm_core.stores.tracking import EmptyTracking, open_tracking
from edm_core.workspace import Workspace

Part: TypeAlias = Callable[[RunsSnapshot], bool]


class RunReader:
    """One for each program that shows a run table. Calls from several threads wait for each other."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._known: ManyRuns | None = None
        self._asked: tuple[str, tuple[str, ...]] = ("", ())
        self._stopped = self._late = False
        self.in_view: Sequence[str] = ()
        """Runs that someone looks at now."""

    def give(self, experiment: str, metrics: Iterable[str], many: ManyRuns) -> None:
        """Take over runs that were read elsewhere, such as by the child process of the start."""
        with self._lock:
            self._known, self._asked = many, (experiment, judged(self._workspace, metrics))

    def read(
        self, experiment: str | None = None, metrics: Iterable[str] = (), whole: bool = False, part: Part | None = None
    ) -> RunsSnapshot:
        """The rows as `load_runs` gives them; `whole` reads everything again. Of a store that answers page by page,
        `part` is given what is there so far; what it answers with False ends the reading. Raises StoreError."""
        name = self._workspace.settings.tracking.experiment if experiment is None else experiment
        wanted = judged(self._workspace, metrics)
        with self._lock:
            store, taken = open_tracking(self._workspace), time.time()
            if isinstance(store, EmptyTracking) and self._known is not None and self._known.columns.run_ids:
                raise StoreError(f"{store.label} is gone", "Put it back; until then the runs are those of before.")
            self._late = isinstance(store, LateBest)
            # A file that tells what changed has nothing more to say when it is read whole.
            told_all = self._known is not None and self._known.mark is not None
            told_all &= database_path(self._workspace.tracking_uri) is not None
            known = None if whole and not told_all else self._of(store, name, wanted)
            # Metrics that were judged before stay so: showing and hiding a column costs nothing then.
            best_of = tuple(dict.fromkeys((*self._asked[1], *wanted))) if known is not None else wanted
            stopped = self._stopped and known is not None

            local: Local | None = None

            def told(columns: RunColumns) -> bool:
                nonlocal stopped
                nonlocal local
                local = read_local(self._workspace) if local is None else local
                so_far = replace(assembled(self._workspace, store, name, columns, taken, local), partial=True)
                stopped = part is not None and not part(so_far)
                return not stopped

            if known is not None:
                known = replace(known, in_view=self.in_view)
            many = store.many(name, best_of, known, told)
            self._known, self._asked, self._stopped = many, (name, best_of), stopped
            snapshot = replace(assembled(self._workspace, store, name, many.columns, taken, local), stopped=stopped)
            if not self._workspace.tracking_uri.startswith(MEMORY):
                save_newest(self._workspace, snapshot)
            return snapshot

    def _of(self, store: TrackingStore, experiment: str, wanted: Sequence[str]) -> ManyRuns | None:
        """What is known of this experiment, with the best values of all that are wanted; None where nothing is."""
        known, (name, best_of) = self._known, self._asked
        if known is None or name != experiment:
            return None
        missing = [key for key in wanted if key not in best_of]
        return store.with_best(known, missing) if missing else known

    def summaries(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        """Best values and sparks by run id and metric, for runs that came into view. Raises StoreError."""
        return open_tracking(self._workspace).summaries_of(run_ids, metrics)

    def best_left(self, metrics: Sequence[str]) -> int:
        """How many best values of these metrics are not known: none but behind a server."""
        from edm_core.stores.best_values import best_values

        known = self._known
        if known is None or not self._late:
            return 0
        return sum(len(best_values(self._workspace, key).left(known.columns)) for key in metrics)

    def read_best(self, metrics: Sequence[str], told: Progress) -> None:
        """Read these best values, in many answers; `told` hears how far it is and may end it. Raises StoreError."""
        store = open_tracking(self._workspace)
        if isinstance(store, LateBest):
            for key in metrics:
                store.read_best(self._columns, key, told)

    def _columns(self) -> RunColumns:
        """Those of now; they do not change while a reading goes on that may replace them."""
        with self._lock:
            return self._known.columns if self._known is not None else RunColumns()
