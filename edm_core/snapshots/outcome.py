"""What an action returned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["done", "warning"]
Store = Literal["runs", "models", "data", "jobs"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An action that was done: what to tell the user, and which snapshots are stale now."""

    title: str
    detail: str = ""
    level: Level = "done"
    stale: tuple[Store, ...] = ("runs",)
    data: Mapping[str, Any] = field(default_factory=dict)
    """Further facts for `--json`, plain types only."""


@dataclass(frozen=True, slots=True)
class Undoable:
    """What an undo would undo now: `what` ("" for nothing), such as `keep cnn_lr1e-3`.

    Where the last action (`last`) cannot be undone, `final` says why; an undo then goes to the one before.
    """

    what: str = ""
    last: str = ""
    final: str = ""
