"""Histories of a run's metrics, whatever the store."""

from collections.abc import Iterator, Mapping, Sequence

from edm_core.curves.history import EXACT, History, Span, Timed
from edm_core.curves.lines import FAR
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


def every_point(workspace: Workspace, run_id: str, key: str, span: Span | None = None) -> Iterator[Timed]:
    """All points of a metric by step, read piece by piece so that a million take little memory. More than EXACT points
    of one and the same step come as their mean. Raises StoreError."""
    found = load_histories(workspace, run_id, [key], span=span).get(key)
    if found is None:
        return
    if found.exact or len(found) < 2:
        yield from sorted([*zip(found.steps, found.times, found.means, strict=True), *found.bad], key=_step_of)
        return
    first, last = span or (-FAR, FAR)
    for end in (*(step - 1 for step in _cuts(found)), last):
        yield from every_point(workspace, run_id, key, (min(first, end), end))
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
