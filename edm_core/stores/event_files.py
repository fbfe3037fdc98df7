"""Metrics in the TensorBoard event files of run folders, read by a child process and kept until a file changes."""

import json
import subprocess
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from edm_core.curves.history import History, Span, reduced, unchanged
from edm_core.errors import StoreError
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace

Stamp = tuple[tuple[str, int, int], ...]
"""(path, size, time of the last change) of each event file."""


@dataclass(frozen=True, slots=True)
class Points:
    """All points of a metric by step."""

    steps: "array[int]"
    times: "array[int]"
    values: "array[float]"

    def history(self, parts: int, span: Span | None) -> History:
        first = 0 if span is None else bisect_left(self.steps, span[0])
        last = len(self.steps) if span is None else bisect_right(self.steps, span[1])
        rows = slice(first, last)
        return reduced(list(zip(self.steps[rows], self.times[rows], self.values[rows], strict=True)), parts)


@dataclass(slots=True)
class Events:
    """What a folder's event files said when they had this stamp."""

    stamp: Stamp = ()
    metrics: dict[str, Points] = field(default_factory=dict)
    fault: str = ""


_known: dict[Path, Events] = {}
_reading = Lock()


def folder_of_events(workspace: Workspace, row: RunRow) -> Path | None:
    """The run's folder where it holds event files."""
    folder = workspace.root / row.run_dir if row.run_dir else None
    return folder if folder is not None and stamp_of(folder) else None


def stamp_of(folder: Path) -> Stamp:
    """What changes as soon as an event file of the folder does; () where there is none."""
    found = []
    for path in sorted(folder.rglob("*tfevents*")):
        stat = path.stat()
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def read_events(folders: Sequence[Path]) -> bool:
    """Read the event files of these folders that changed; whether any did. Raises StoreError."""
    with _reading:
        stamps = {folder: stamp_of(folder) for folder in folders}
        stale = {folder: stamp for folder, stamp in stamps.items() if _known.get(folder, Events()).stamp != stamp}
        if stale:
            found = {str(folder): Events(stamp) for folder, stamp in stale.items()}
            _take(_asked(list(found)), found)
            _known.update((Path(folder), events) for folder, events in found.items())
        return bool(stale)


def event_histories(
    folder: Path, keys: Sequence[str] | None, parts: int, span: Span | None, known: Mapping[str, History]
) -> dict[str, History]:
    """Histories of what was read of a folder last."""
    events = _known.get(folder, Events())
    return {
        key: unchanged(known.get(key), points.history(parts, span))
        for key, points in sorted(events.metrics.items())
        if keys is None or key in keys
    }


def fault_of(folder: Path) -> str:
    """Why an event file of the folder could not be read to its end, "" where all could."""
    return _known.get(folder, Events()).fault


def _asked(folders: list[str]) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "edm_core.stores.event_files_child", *folders],
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise StoreError(f"TensorBoard's event files could not be read: {last}", "Is `tensorboard` installed?")
    return done.stdout


def _take(told: bytes, found: dict[str, Events]) -> None:
    at = 0
    while at < len(told):
        end = told.index(b"\n", at)
        line, at = json.loads(told[at:end]), end + 1
        if isinstance(line, dict):
            found[line["folder"]].fault = line["fault"]
            continue
        folder, metric, count = line
        columns: list[array[int] | array[float]] = [array("q"), array("q"), array("d")]
        for column in columns:
            column.frombytes(told[at : at + 8 * count])
            at += 8 * count
        found[folder].metrics[metric] = Points(*columns)  # type: ignore[arg-type]
