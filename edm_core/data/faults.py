"""What is wrong with a file of the data set, and the list that collects it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Keys = tuple[str | int, ...]
"""Where a value stands in a document: mapping keys and list positions from the top."""


@dataclass(frozen=True)
class Fault:
    """One fault of one file.

    `line` counts from 1 and is None where a line means nothing (an audio file, a file that is not there).
    `blocking` is False where only completeness suffers and the file can still be trained on.
    """

    path: Path
    line: int | None
    reason: str
    blocking: bool = True

    def __str__(self) -> str:
        where = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.reason}"


@dataclass
class FaultList:
    """Collects the faults of one file; `locate` turns a place in the document into a line."""

    path: Path
    locate: Callable[[Keys], int | None] = lambda _keys: None
    faults: list[Fault] = field(default_factory=list)

    def add(self, keys: Keys, reason: str, *, blocking: bool = True) -> None:
        self.faults.append(Fault(self.path, self.locate(keys), reason, blocking))

    @property
    def blocked(self) -> bool:
        return any(fault.blocking for fault in self.faults)


def shown(value: object) -> str:
    """A value from outside as plain ASCII of at most 60 characters, so that a terminal can print it."""
    text = value.__class__.__name__ if isinstance(value, dict | list) else ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
