"""The newest rows of the run table as they were last, on disk, for any store: the next start paints them at once.

A small file beside that of all runs (last_snapshot.py), so that a first frame reads 100 rows and not 100,000. Unlike
that one it knows what lay here (folders, data states, versions), because all of it comes from the same moment. Nothing
in it is secret: the store is named in short, as on the screen, without user and password.
"""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edm_core.snapshots.run_builder import columns_of, with_here
from edm_core.snapshots.run_columns import Here
from edm_core.snapshots.runs import DataState, RunsSnapshot
from edm_core.stores.run_codec import DamagedError, decode, encode
from edm_core.stores.snapshot_files import read_parts, throw_away, write_parts
from edm_core.workspace import Workspace

NEWEST = 100
"""Rows in it, which fill any first frame."""
KEPT = 16
"""Files of some 60 KB."""
_STATES = {state.word: state for state in DataState}


def newest_path(workspace: Workspace, experiment: str) -> Path:
    """One file for each store, experiment and way of judging metrics; the name tells none."""
    metrics = workspace.settings.metrics
    named = repr((workspace.tracking_uri, experiment, metrics.primary, sorted(metrics.directions.items())))
    return workspace.cache_dir / f"newest-{hashlib.blake2b(named.encode(), digest_size=8).hexdigest()}"


def save_newest(workspace: Workspace, snapshot: RunsSnapshot) -> bool:
    """Keep its first rows for the next start; False where the disk takes nothing, which only costs time then."""
    columns = columns_of(snapshot.rows[:NEWEST])
    here = [
        [at, one.run_dir, one.data_state.word, one.model, one.job.id if one.job is not None else "", one.trash]
        for at, one in columns.here.items()
    ]
    more = {
        "taken": snapshot.taken, "store": snapshot.store, "experiment": snapshot.experiment, "here": here,
        "more": len(snapshot.rows) > NEWEST or snapshot.stopped,
    }  # fmt: skip
    return write_parts(newest_path(workspace, snapshot.experiment), encode(columns, more), KEPT)


def last_newest(workspace: Workspace, experiment: str) -> RunsSnapshot | None:
    """The rows as they were, `old`; None where there are none that can be used."""
    path = newest_path(workspace, experiment)
    try:
        columns, more = decode(read_parts(path))
        if more["experiment"] != experiment:
            raise DamagedError("of another experiment")
        joined = with_here(columns, _here(workspace, more["here"]))
        taken = min(float(more["taken"]), time.time())
        rows = joined.view(range(len(joined)))
        return RunsSnapshot(rows, str(more["store"]), experiment, taken, partial=bool(more["more"]), old=True)
    except FileNotFoundError:
        return None
    except (OSError, DamagedError, ValueError, TypeError, KeyError):
        throw_away(path)
        return None


def _here(workspace: Workspace, told: Any) -> Mapping[int, Here]:
    """Jobs are as they are now: one that ended meanwhile must not look as if it went on."""
    jobs = {}
    if any(job for _, _, _, _, job, _ in told):
        from edm_core.jobs.folder import load_jobs

        jobs = {job.id: job for job in load_jobs(workspace.jobs_dir)}
    return {
        int(at): Here(run_dir, _STATES[state], model, jobs.get(job), trash)
        for at, run_dir, state, model, job, trash in told
    }
