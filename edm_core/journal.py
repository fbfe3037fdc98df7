"""What was done to the workspace and what is under way: append-only, on disk, so that undo and doctor survive a crash.

A record is one JSON line. An entry begins, notes its steps before or after it acts, and ends done, failed (changed
back) or, later, undone. One that never ended belongs to a process that died: `unfinished` finds it.
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from edm_core.files import read_json_lines
from edm_core.processes import ProcessMark, own_mark
from edm_core.workspace import Workspace

State = Literal["open", "done", "failed", "undone"]
_STATES: dict[str, State] = {"done": "done", "failed": "failed", "undone": "undone"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One action: `data` as known when it began, `steps` in order, `undo` what its undoing needs (None: cannot be)."""

    id: str
    verb: str
    target: str
    data: Mapping[str, Any] = field(default_factory=dict)
    started: float = 0.0
    state: State = "open"
    steps: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    undo: Mapping[str, Any] | None = None
    owner: ProcessMark = field(default_factory=ProcessMark)
    message: str = ""
    """Why it failed."""

    def has(self, step: str) -> bool:
        return any(name == step for name, _ in self.steps)

    def step_data(self, step: str) -> Mapping[str, Any]:
        """What the last record of this step says; {} when there is none."""
        return next((data for name, data in reversed(self.steps) if name == step), {})

    @property
    def abandoned(self) -> bool:
        """Whether it never ended and the process that began it is gone."""
        return self.state == "open" and not self.owner.alive()


class Journal:
    """The journal of one workspace. Every call is one fsync'd append or one read of the file."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.journal_path

    def begin(self, verb: str, target: str, **data: Any) -> Entry:
        entry_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"
        owner = own_mark()
        started = time.time()
        self._append({"id": entry_id, "kind": "begin", "verb": verb, "target": target, "data": data,
                      "t": started, "owner": owner.as_dict()})  # fmt: skip
        return Entry(entry_id, verb, target, data, started, owner=owner)

    def step(self, entry_id: str, name: str, **data: Any) -> None:
        self._append({"id": entry_id, "kind": "step", "step": name, "data": data, "t": time.time()})

    def done(self, entry_id: str, undo: Mapping[str, Any] | None = None) -> None:
        """It ended as it should; `undo` is what its undoing needs, None when it cannot be undone."""
        self._append({"id": entry_id, "kind": "done", "undo": None if undo is None else dict(undo), "t": time.time()})

    def failed(self, entry_id: str, message: str) -> None:
        """It could not be done, and everything was changed back."""
        self._append({"id": entry_id, "kind": "failed", "message": message, "t": time.time()})

    def undone(self, entry_id: str) -> None:
        self._append({"id": entry_id, "kind": "undone", "t": time.time()})

    def entries(self) -> list[Entry]:
        """All entries, oldest first."""
        found: dict[str, Entry] = {}
        for record in read_json_lines(self.path):
            entry_id = str(record.get("id", ""))
            if record.get("kind") == "begin":
                found[entry_id] = _begun(entry_id, record)
            elif entry_id in found:
                found[entry_id] = _advanced(found[entry_id], record)
        return list(found.values())

    def entry(self, entry_id: str) -> Entry | None:
        return next((entry for entry in self.entries() if entry.id == entry_id), None)

    def unfinished(self) -> list[Entry]:
        """Entries that never ended and whose process is gone, oldest first."""
        return [entry for entry in self.entries() if entry.abandoned]

    def last_done(self) -> Entry | None:
        """The last entry that was done and not yet undone, whether it can be undone or not."""
        done = [entry for entry in self.entries() if entry.state == "done" and entry.verb != "undo"]
        return done[-1] if done else None

    def last_undoable(self) -> Entry | None:
        """The last entry that was done, can be undone and was not yet."""
        able = [entry for entry in self.entries() if entry.state == "done" and entry.undo is not None]
        return able[-1] if able else None

    def _append(self, record: Mapping[str, Any]) -> None:
        """One write, flushed to disk. A last line that a power cut left open is closed first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(record, ensure_ascii=False) + "\n"
        if _ends_open(self.path):
            line = "\n" + line
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)


def _ends_open(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False


def _begun(entry_id: str, record: Mapping[str, Any]) -> Entry:
    return Entry(
        entry_id,
        str(record.get("verb", "")),
        str(record.get("target", "")),
        record.get("data") or {},
        float(record.get("t", 0.0)),
        owner=ProcessMark.from_dict(record.get("owner") or {}),
    )


def _advanced(entry: Entry, record: Mapping[str, Any]) -> Entry:
    kind = str(record.get("kind", ""))
    if kind == "step":
        return replace(entry, steps=(*entry.steps, (str(record.get("step", "")), record.get("data") or {})))
    state = _STATES.get(kind)
    if state is None:
        return entry
    if state == "done":
        return replace(entry, state=state, undo=record.get("undo"))
    return replace(entry, state=state, message=str(record.get("message", "")))
