"""The runs, read by a forked child while Textual is imported here: the newest ones for the first frame, then all.

Reading and its imports are a fifth of the start, and threads would share one interpreter lock with the import. All runs
of a large store take seconds of that lock to read, but a tenth of one to take over from the child.
"""

import os
import pickle
import select
import signal
import time
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

from edm_core.errors import EdmError
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunsSnapshot
    from edm_core.stores.first_runs import AllRuns

LATER = 5
"""By how much the child gives way, with each message more, to whoever draws."""
_PART = 1 << 20


class FirstRead:
    """Starts to read at once. To be made while the process has one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._end, there = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._end)
            _read_and_leave(workspace, there)
        os.close(there)

    def result(self, seconds: float) -> "tuple[Hashable, RunsSnapshot | EdmError | None]":
        """The change token from before the read, and the runs or why there are none; (None, None) where it takes
        longer than this, because the screen then reads for itself. Call it once."""
        deadline = time.monotonic() + seconds
        raw = self._message(deadline)
        if raw is None:
            self.close()
            return None, None
        token, result = pickle.loads(raw)
        if isinstance(result, EdmError) or not result.partial:
            self.close()
        return token, result

    def rest(self) -> "AllRuns | None":
        """All runs, after `result`, once they are read; None where the child does not tell. Blocks; call it once."""
        from edm_core.stores.first_runs import taken_over

        try:
            return None if self._child == 0 else taken_over(self._messages())
        finally:
            self.close()

    def close(self) -> None:
        """End the child. What it was about to read is then read by whoever wants it."""
        if self._child:
            os.close(self._end)
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    def _messages(self) -> Iterator[bytes]:
        while raw := self._message(None):
            yield raw

    def _message(self, deadline: float | None) -> bytes | None:
        head = self._exactly(8, deadline)
        return None if head is None else self._exactly(int.from_bytes(head, "big"), deadline)

    def _exactly(self, count: int, deadline: float | None) -> bytes | None:
        found = bytearray()
        while len(found) < count:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._end], [], [], left)[0]:
                return None
            part = os.read(self._end, min(_PART, count - len(found)))
            if not part:
                return None
            found += part
        return bytes(found)


def _read_and_leave(workspace: Workspace, pipe: int) -> None:
    """What the child does. It leaves without the parent's clean-up, and what it cannot tell the screen finds anew."""
    status = 1
    try:
        # Whatever a library may say would land in the middle of the first frame.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        # The terminal's ctrl+c is for the interface, which ends this child by itself.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from edm_core.stores.first_runs import first_and_all
        from edm_core.table.memory import recall

        with os.fdopen(pipe, "wb") as file:
            left = recall(workspace)
            for message in first_and_all(workspace, left.experiment, left.view.metrics()):
                file.write(len(message).to_bytes(8, "big"))
                file.write(message)
                file.flush()
                # After the first message nobody waits: the frame that it is for comes first.
                os.nice(LATER)
        status = 0
    finally:
        os._exit(status)
