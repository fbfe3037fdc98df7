"""Histories of a run's metrics, whatever the store."""

from collections.abc import Iterator, Mapping, Sequence

from edm_core.curves.history import EXACT, History, Span, Timed
from edm_core.curves.lines import FAR
from edm_core.snapshots.runs import RunRow
from edm_core.stores.event_files import event_histories, folder_of_events, read_events
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace

PARTS = 128
"""Into how many parts a long history is cut unless more is asked for: as many as a chart of a grid has dots."""


def load_histories(
    workspace: Workspace,
    run_id: str,
    keys: Sequence[str] | None = None,
    parts: int = PARTS,
    span: Span | None = None,
    known: Mapping[str, History] | None = None,
) -> dict[str, History]:
    """The histories of these metrics of a run (all where None). Of the `known` ones only what is new is read.

    Raises StoreError.
    """
    return open_tracking(workspace).histories(run_id, keys, parts, span, known or {})


def histories_of(
    workspace: Workspace,
    row: RunRow,
    keys: Sequence[str] | None = None,
    parts: int = PARTS,
    span: Span | None = None,
    known: Mapping[str, History] | None = None,
) -> dict[str, History]:
    """As `load_histories`, of a row; with what its folder's event files have and MLflow has not.

    The event files of a folder without a run are read whenever they changed; those of a run only by `read_events`,
    because what is in them is nearly always in MLflow too. Raises StoreError.
    """
    found = load_histories(workspace, row.run_id, keys, parts, span, known) if row.run_id else {}
    folder = folder_of_events(workspace, row)
    if folder is None:
        return found
    if not row.run_id:
        read_events([folder])
    return {**event_histories(folder, keys, parts, span, known or {}), **found}


def every_point(workspace: Workspace, row: RunRow, key: str, span: Span | None = None) -> Iterator[Timed]:
    """All points of a metric by step, read piece by piece so that a million take little memory. More than EXACT points
    of one and the same step come as their mean. Raises StoreError."""
    found = histories_of(workspace, row, [key], span=span).get(key)
    if found is None:
        return
    if found.exact or len(found) < 2:
        yield from sorted([*zip(found.steps, found.times, found.means, strict=True), *found.bad], key=_step_of)
        return
    first, last = span or (-FAR, FAR)
    for end in (*(step - 1 for step in _cuts(found)), last):
        yield from every_point(workspace, row, key, (min(first, end), end))
        first = end + 1


def _cuts(history: History) -> Iterator[int]:
    """Steps at which new pieces begin, each of about half of EXACT points, so that most are read in one go."""
    waiting = 0
    for step, count in zip(history.steps[1:], history.counts, strict=False):
        waiting += count
        if waiting > EXACT // 2:
            yield step
            waiting = 0


def _step_of(point: Timed) -> int:
    return point[0]
