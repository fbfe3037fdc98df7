"""What differs between two or more runs. The first run is the baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECTIONS = ("params", "metrics", "metadata", "config", "code", "data", "environment", "tracks")


@dataclass(frozen=True, slots=True)
class DiffEntry:
    """One key: a value for each run in the order asked (None: not there).

    `verdicts` says of the runs after the first what they are against it: "better" or "worse" for numbers, "added",
    "removed" or "changed" for files, or "". `steps` are those of best and last values of metrics.
    """

    key: str
    values: tuple[Any, ...]
    deltas: tuple[float | None, ...] = ()
    verdicts: tuple[str, ...] = ()
    same: bool = False
    steps: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDiff:
    """Sections by name: all of SECTIONS, after what model versions have of their own. `notes` says for a section why it
    is empty or partial."""

    run_ids: tuple[str, ...]
    names: tuple[str, ...]
    sections: Mapping[str, tuple[DiffEntry, ...]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    away: bool = False
    """Whether files were left out because they are on another machine."""
