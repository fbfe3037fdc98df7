"""The run table read again and again by one program: of many runs only what changed since the last time."""

import threading
import time
from collections.abc import Iterable, Sequence

from edm_core.snapshots.runs import RunsSnapshot
from edm_core.stores.protocols import ManyRuns, TrackingStore
from edm_core.stores.runs import assembled, judged
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace


class RunReader:
    """One for each program that shows a run table. Calls from several threads wait for each other."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._known: ManyRuns | None = None
        self._asked: tuple[str, tuple[str, ...]] = ("", ())

    def give(self, experiment: str, metrics: Iterable[str], many: ManyRuns) -> None:
        """Take over runs that were read elsewhere, such as by the child process of the start."""
        with self._lock:
            self._known, self._asked = many, (experiment, judged(self._workspace, metrics))

    def read(self, experiment: str | None = None, metrics: Iterable[str] = (), whole: bool = False) -> RunsSnapshot:
        """The rows as `load_runs` gives them; `whole` reads everything again. Raises StoreError."""
        name = self._workspace.settings.tracking.experiment if experiment is None else experiment
        wanted = judged(self._workspace, metrics)
        with self._lock:
            store, taken = open_tracking(self._workspace), time.time()
            known = None if whole else self._of(store, name, wanted)
            # Metrics that were judged before stay so: showing and hiding a column costs nothing then.
            best_of = tuple(dict.fromkeys((*self._asked[1], *wanted))) if known is not None else wanted
            many = store.many(name, best_of, known)
            self._known, self._asked = many, (name, best_of)
            return assembled(self._workspace, store, name, many.columns, taken)

    def _of(self, store: TrackingStore, experiment: str, wanted: Sequence[str]) -> ManyRuns | None:
        """What is known of this experiment, with the best values of all that are wanted; None where nothing is."""
        known, (name, best_of) = self._known, self._asked
        if known is None or name != experiment:
            return None
        missing = [key for key in wanted if key not in best_of]
        return store.with_best(known, missing) if missing else known

    def sparks(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, tuple[float, ...]]]:
        """Sparks by run id and metric, for runs that came into view. Raises StoreError."""
        rows = open_tracking(self._workspace).runs_by_id(run_ids, metrics)
        return {
            run_id: {key: row.metrics[key].spark for key in metrics if key in row.metrics}
            for run_id, row in rows.items()
        }
