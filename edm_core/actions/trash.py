"""The trash: what discard and keep moved away, by rename, each under an entry that says where it came from.

`.edm/trash/ID/entry.json`, and beside it `folder/` (a discarded run folder) or `files/` (what keep left out).
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edm_core.errors import ActionError, NotFoundError
from edm_core.files import write_json
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace

DISCARDED, EXCLUDED = "folder", "files"


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of the trash; of `kind` DISCARDED or EXCLUDED; `original` is relative to the workspace."""

    path: Path
    kind: str
    run_name: str
    run_id: str
    original: str
    discarded_at: float
    bytes: int
    files: int = 0

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def content(self) -> Path:
        return self.path / self.kind


def open_slot(
    workspace: Workspace, row: RunRow, kind: str, original: str, size: tuple[int, int], slot_id: str = ""
) -> Slot:
    """A new entry, written before anything is moved into it; `size` is (bytes, files)."""
    path = workspace.trash_dir / (slot_id or new_id(workspace, row.name or Path(original).name))
    slot = Slot(path, kind, row.name, row.run_id, original, time.time(), *size)
    write_json(path / "entry.json", {
        "kind": kind, "run_name": slot.run_name, "run_id": slot.run_id, "original": original,
        "discarded_at": slot.discarded_at, "bytes": slot.bytes, "files": slot.files,
    })  # fmt: skip
    return slot


def new_id(workspace: Workspace, name: str) -> str:
    """`<UTC stamp>-<run>`, not yet taken."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:80]
    taken = (f"{stamp}-{safe}" + (f"-{number}" if number else "") for number in range(1000))
    return next(name for name in taken if not (workspace.trash_dir / name).exists())


def slots(workspace: Workspace) -> list[Slot]:
    """Every entry, newest first; one that cannot be read is left out (doctor names it)."""
    found = [read_slot(path) for path in workspace.trash_dir.glob("*/entry.json")]
    return sorted((slot for slot in found if slot), key=lambda slot: (slot.discarded_at, slot.id), reverse=True)


def read_slot(entry: Path) -> Slot | None:
    try:
        raw: Mapping[str, Any] = json.loads(entry.read_bytes())
        return Slot(
            entry.parent, str(raw.get("kind", DISCARDED)), str(raw["run_name"]), str(raw.get("run_id") or ""),
            str(raw["original"]), float(raw["discarded_at"]), int(raw.get("bytes") or 0), int(raw.get("files") or 0),
        )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def find_slot(workspace: Workspace, reference: str) -> Slot:
    """The entry of this id, or the newest one of the run of this name or id. Raises NotFoundError."""
    all_slots = slots(workspace)
    for slot in all_slots:
        if slot.id == reference:
            return slot
    named = [s for s in all_slots if s.kind == DISCARDED and reference in (s.run_name, s.run_id)]
    if not named:
        raise NotFoundError(
            f"the trash holds nothing of {reference!r}", "`edm storage trash list` shows what it holds."
        )
    return named[0]


def move(source: Path, target: Path) -> None:
    """Rename a file or folder; ActionError when something is in the way, or the trash lies on another disk."""
    if target.exists() or target.is_symlink():
        raise ActionError(f"{target} is there already", "Move it away first; nothing is overwritten.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            hint = (
                "Let .edm/ lie on the same disk as the run folders: a rename cannot cross disks, and a copy is no undo."
            )
            raise ActionError(f"{source} and {target.parent} are on different disks", hint) from error
        raise ActionError(f"{source} cannot be moved: {error.strerror}", "Check permissions and open files.") from error


def move_out(slot: Slot, folder: Path, files: Sequence[str]) -> None:
    """Move these files of a run folder into the entry."""
    for name in files:
        if (folder / name).exists():
            move(folder / name, slot.content / name)


def move_back(slot: Slot, folder: Path) -> list[str]:
    """Move an EXCLUDED entry's files back into the run folder; those with a new file in their place stay, and are
    returned. The entry goes when it is empty."""
    left = []
    for name in sorted(_files(slot.content)):
        if (folder / name).exists():
            left.append(name)
        else:
            move(slot.content / name, folder / name)
    if not left:
        drop(slot)
    return left


def drop(slot: Slot) -> None:
    """Delete an entry and all that it holds. entry.json goes last, so that a crash leaves an entry, not litter."""
    if slot.content.exists():
        shutil.rmtree(slot.content)
    shutil.rmtree(slot.path, ignore_errors=True)


def measure(folder: Path, names: Iterable[str] | None = None) -> tuple[int, int]:
    """(bytes, files) below a folder, or of the files named."""
    listed = list(_files(folder) if names is None else names)
    return sum((folder / name).lstat().st_size for name in listed), len(listed)


def _files(folder: Path) -> list[str]:
    found: list[str] = []
    for here, _, names in os.walk(folder):
        found += [os.path.relpath(Path(here) / name, folder) for name in names]
    return found
