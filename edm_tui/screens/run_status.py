"""The status line of the Runs screen."""

import time

from edm_core.snapshots.runs import RunsSnapshot
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_tui.formatting import age, clean, count
from edm_tui.screens.run_filter import RunFilter


def status_text(
    workspace: str,
    snapshot: RunsSnapshot | None,
    shown: int,
    narrowed: RunFilter,
    arranged: str,
    fault: str,
    narrow: bool,
) -> str:
    """Where we are, how many runs, what is applied and which key clears it, and what is wrong."""
    parts = [workspace]
    if snapshot is not None and not (narrowed and narrow):
        where = "all experiments" if snapshot.experiment == ALL_EXPERIMENTS else snapshot.experiment
        parts += [snapshot.store, where, runs_text(snapshot)]
    if narrowed:
        parts.append(f"{count(shown)} shown: {narrowed.words} ({narrowed.ends})")
    parts.append(arranged)
    if snapshot is not None and snapshot.old and not fault:
        parts.append(f"rows as of {age(time.time() - snapshot.taken)} ago, reading …")
    if fault:
        held = f"; rows as of {age(time.time() - snapshot.taken)} ago" if snapshot is not None else ""
        parts.append(f"! {fault}{held}")
    elif snapshot is not None and snapshot.notice:
        parts.append(snapshot.notice)
    return clean(" · ".join(part for part in parts if part))


def runs_text(snapshot: RunsSnapshot) -> str:
    """How many runs there are, as far as is known."""
    if snapshot.old and snapshot.partial:
        return f"{count(len(snapshot.rows))} newest runs"
    number = f"{count(len(snapshot.rows))} runs"
    if snapshot.stopped:
        return f"{number} read (r reads all)"
    return f"{number} so far, reading … (esc stops)" if snapshot.partial else number
