"""The comparison: one section for everything that is known of a run, each of which works without the others.

The first run is the baseline. Entries that are the same in all runs are kept and marked, so that a screen can show all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from edm_core.diff.code import code_section
from edm_core.diff.data import data_section
from edm_core.diff.files import documents_of, flattened, without
from edm_core.diff.tracks import track_scores
from edm_core.settings import MetricsSettings
from edm_core.snapshots.diff import SECTIONS, DiffEntry, RunDiff
from edm_core.snapshots.runs import RunRow
from edm_core.stores.run_files import AWAY, RunFiles
from edm_core.stores.runs import load_detail
from edm_core.workspace import Workspace

Section = tuple[tuple[DiffEntry, ...], str]
"""Entries, and a note that says why something is missing ("" when nothing is)."""

_NAMES = ("run_id", "run_name")
"""Keys that name a run rather than describe it: they differ always, and say nothing."""
_MORE_IS_BETTER = ("f1", "acc", "precision", "recall", "auc", "score", "iou", "map", "r2", "bleu", "rouge", "dice")


def diff_runs(workspace: Workspace, rows: Sequence[RunRow], fetch: bool = True) -> RunDiff:
    """Compare rows with exact best values, the files that the runs saved, and code by git.

    Without `fetch` files that are neither in a folder here nor among artifacts on this machine are left out, and
    `away` of what is returned says so. Raises StoreError when MLflow's store cannot be read; whatever else is missing
    becomes a note of its section.
    """
    details = [load_detail(workspace, row) for row in rows]
    rows = [detail.row for detail in details]
    files = RunFiles(workspace, fetch)
    read: dict[str, Callable[[], Section]] = {
        "params": lambda: (entries([row.params for row in rows]), ""),
        "metrics": lambda: (_metrics(workspace.settings.metrics, rows), ""),
        "metadata": lambda: _files(files, rows, "metadata.yaml"),
        "config": lambda: _files(files, rows, "config.yaml"),
        "code": lambda: code_section(workspace, files, rows),
        "data": lambda: data_section(workspace, rows),
        "environment": lambda: _files(files, rows, "environment.json"),
        "tracks": lambda: _tracks(files, rows),
    }
    sections, notes = {}, {}
    for name in SECTIONS:
        found, note = read[name]()
        sections[name] = found
        if note:
            notes[name] = note
    names = tuple(row.name for row in rows)
    away = any(AWAY in note for note in notes.values())
    return RunDiff(tuple(row.row_id for row in rows), names, sections, notes, away)


def entries(tables: Sequence[Mapping[str, Any]]) -> tuple[DiffEntry, ...]:
    """One entry for each key of any table, in the order in which the keys appear."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return tuple(_entry(key, [table.get(key) for table in tables]) for key in keys)


def verdict(minimised: bool, delta: float | None) -> str:
    """What a difference to the baseline means, by the metric's direction."""
    if delta is None or delta == 0 or delta != delta:
        return ""
    return "better" if (delta < 0) == minimised else "worse"


def _entry(key: str, values: list[Any]) -> DiffEntry:
    return DiffEntry(key, tuple(values), same=all(_equal(values[0], value) for value in values[1:]))


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b or (isinstance(a, float) and isinstance(b, float) and a != a and b != b))


def scored(
    key: str, values: list[float | None], minimised: bool | None, steps: tuple[int | None, ...] = ()
) -> DiffEntry:
    """Numbers with what each is against the first: `minimised` is whether less is better, None where nobody knows."""
    base = values[0]
    deltas = tuple(None if base is None or value is None else value - base for value in values)
    verdicts = tuple("" if minimised is None else verdict(minimised, delta) for delta in deltas)
    same = all(_equal(base, value) for value in values[1:])
    return DiffEntry(key, tuple(values), (None, *deltas[1:]), ("", *verdicts[1:]), same, steps)


def _metrics(settings: MetricsSettings, rows: Sequence[RunRow]) -> tuple[DiffEntry, ...]:
    """Two entries a metric: `best NAME`, and NAME for the last value."""
    found = []
    for key in sorted({key for row in rows for key in row.metrics}, key=lambda key: (key != settings.primary, key)):
        summaries = [row.metrics.get(key) for row in rows]
        judged = direction(settings, key)
        if judged is not None and not key.startswith("best_"):
            at = tuple(s.best_step if s else None for s in summaries)
            found.append(scored(f"best {key}", [s.best if s else None for s in summaries], judged, at))
        at = tuple(s.last_step if s else None for s in summaries)
        found.append(scored(key, [s.last if s else None for s in summaries], judged, at))
    return tuple(found)


def direction(settings: MetricsSettings, key: str) -> bool | None:
    """Whether less is better; None for a metric of which neither the settings nor the name tell."""
    known = key in settings.directions or key == settings.primary or key in settings.columns
    if known or settings.minimised(key) or any(word in key.lower() for word in _MORE_IS_BETTER):
        return settings.minimised(key)
    return None


def _files(files: RunFiles, rows: Sequence[RunRow], name: str) -> Section:
    documents, problems = documents_of(files, rows, name)
    return entries([without(table, _NAMES) for table in flattened(documents)]), problems


def _tracks(files: RunFiles, rows: Sequence[RunRow]) -> Section:
    """Scores of each track, the largest change first."""
    scores, problems = track_scores(files, rows)
    keys = dict.fromkeys(key for table in scores for key in table)
    found = [scored(key, [table.get(key) for table in scores], minimised=False) for key in keys]
    return tuple(sorted(found, key=_size_of_change)), problems


def _size_of_change(entry: DiffEntry) -> tuple[float, str]:
    return -max((abs(delta) for delta in _known(entry.deltas)), default=0.0), entry.key


def _known(deltas: Iterable[float | None]) -> Iterable[float]:
    return (delta for delta in deltas if delta is not None and delta == delta)
