"""The newest runs, read by a forked child while Textual is imported here: the first frame holds them.

Reading and its imports are a fifth of the start, and threads would share one interpreter lock with the import.
"""

import os
import pickle
import select
import signal
import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

from edm_core.errors import EdmError
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunsSnapshot

FIRST_PAGE = 100
"""Runs that are read for the first frame; all of them follow."""
_PART = 1 << 16


class FirstRead:
    """Starts to read at once. To be made while the process has one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._end, there = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            _read_and_leave(workspace, there)
        os.close(there)

    def result(self, seconds: float) -> "tuple[Hashable, RunsSnapshot | EdmError | None]":
        """The change token from before the read, and the runs or why there are none; (None, None) where it takes
        longer than this, because the screen then reads for itself. Call it once."""
        parts: list[bytes] = []
        deadline = time.monotonic() + seconds
        try:
            while select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))[0]:
                part = os.read(self._end, _PART)
                if not part:
                    return _told(b"".join(parts))
                parts.append(part)
            return None, None
        finally:
            os.close(self._end)
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)


def _told(raw: bytes) -> "tuple[Hashable, RunsSnapshot | EdmError | None]":
    if not raw:
        return None, None
    token, result = pickle.loads(raw)
    return token, result


def _read_and_leave(workspace: Workspace, pipe: int) -> None:
    """What the child does. It leaves without the parent's clean-up, and what it cannot tell the screen finds anew."""
    status = 1
    try:
        # Whatever a library may say would land in the middle of the first frame.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        from edm_core.stores.runs import change_token, load_runs

        # Before the read: what changes while it goes on is seen by the first poll.
        token: Hashable = None
        try:
            token = change_token(workspace)
            result: RunsSnapshot | EdmError = load_runs(workspace, limit=FIRST_PAGE)
        except EdmError as error:
            result = error
        with os.fdopen(pipe, "wb") as file:
            pickle.dump((token, result), file, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
