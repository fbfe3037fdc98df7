"""One writer at a time: a lock for whole verbs that change the data lane (DVC, git, run folders, the trash).

The kernel frees it when its holder dies, so it can never be stale. Who waits is told for whom.
"""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edm_core.processes import command_of
from edm_core.workspace import Workspace

Say = Callable[[str], None]

WAITING = "waiting for "
"""How a line begins that names whoever holds a lock."""
DOING = "now: "
"""How a line begins that says what a long action does."""

# A verb that calls another one (keep --push) holds the lock already.
_held: dict[Path, int] = {}


def quiet(_: str) -> None:
    """Where nobody listens."""


@contextlib.contextmanager
def data_lane(workspace: Workspace, verb: str, say: Say = quiet) -> Iterator[None]:
    """Hold the workspace's lock for the whole of `verb`; while another process holds it, say which, and wait."""
    path = workspace.edm_dir / "lock"
    if _held.get(path):
        _held[path] += 1
        try:
            yield
        finally:
            _held[path] -= 1
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(handle, say)
        _sign(handle, verb)
        _held[path] = 1
        yield
    finally:
        _held.pop(path, None)
        os.close(handle)


def _take(handle: int, say: Say) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"{WAITING}{_holder(handle)}")
        fcntl.flock(handle, fcntl.LOCK_EX)


def _sign(handle: int, verb: str) -> None:
    command = " ".join(["edm", *sys.argv[1:]]) if len(sys.argv) > 1 else verb
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n{time.time():.0f}\n{command}\n".encode(), 0)


def _holder(handle: int) -> str:
    """The holder by pid, command and age, as it signed."""
    lines = os.pread(handle, 4096, 0).decode(errors="replace").splitlines()
    if len(lines) < 3 or not lines[0].isdigit() or not lines[1].isdigit():
        return "another edm process"
    return describe_holder(int(lines[0]), lines[2], time.time() - int(lines[1]))


def describe_holder(pid: int, command: str, age: float) -> str:
    """One phrase: `pid 123 (edm push, for 12 s)`."""
    shown = command or command_of(pid) or "unknown command"
    return f"pid {pid} ({shown}, for {max(0, round(age))} s)"
