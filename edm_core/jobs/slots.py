"""How many jobs may run at once, held by kernel locks: a slot whose holder dies is free again, whatever happened.

The command inherits the lock of its slot. So the slot of a job whose supervisor was killed stays taken until the
command itself has ended; at an orderly end the supervisor unlocks it for all who still hold it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that is held: its number from 0, and the file descriptor that holds the lock."""

    index: int
    handle: int

    def release(self) -> None:
        fcntl.flock(self.handle, fcntl.LOCK_UN)
        os.close(self.handle)


def take_slot(slots_dir: Path, count: int) -> Slot | None:
    """One of `count` slots, or None while all are taken. Those beyond `count`, from before it was lowered, count."""
    slots_dir.mkdir(parents=True, exist_ok=True)
    beyond = sum(_is_held(path) for path in slots_dir.glob("*.lock") if _index(path) >= count)
    paths = [slots_dir / f"{index}.lock" for index in range(count)]
    for index, path in enumerate(paths):
        handle = try_lock(path)
        if handle is None:
            continue
        if beyond and beyond + sum(_is_held(other) for other in paths if other != path) >= count:
            os.close(handle)
            return None
        return Slot(index, handle)
    return None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file, waiting for it as long as it takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def try_lock(path: Path) -> int | None:
    """A file descriptor that holds the lock until it is closed; None when another process has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _is_held(path: Path) -> bool:
    handle = try_lock(path)
    if handle is None:
        return True
    os.close(handle)
    return False


def _index(path: Path) -> int:
    return int(path.stem) if path.stem.isdigit() else -1
