"""The runs of the first frame: as the disk remembers them, else read by a forked child while Textual is imported here.

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
from urllib.parse import urlsplit

from edm_core.errors import EdmError
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunsSnapshot
    from edm_core.stores.first_runs import AllRuns

LATER = 3
"""By how much the child gives way to whoever draws, once nobody waits for it. Not by much: on a busy machine all runs
would come late."""
_PART = 1 << 20


class FirstRead:
    """Starts to read at once. To be made while the process has one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._left = _left(workspace)
        self._end = self._child = 0
        if self._left is not None and not _by_sql(workspace):
            # What answers page by page, or through MLflow's client, shows more as it comes, so the screen asks itself.
            return
        self._end, there = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._end)
            _read_and_leave(workspace, there, waited_for=self._left is None)
        os.close(there)

    def result(self, seconds: float) -> "tuple[Hashable, RunsSnapshot | EdmError | None]":
        """The change token from before the read, and the runs or why there are none; (None, None) where it takes
        longer than this, because the screen then reads for itself. (None, the runs as they were last) at once, where
        the disk remembers them: `fresh` tells them as they are. Call it once."""
        if self._left is not None:
            return None, self._left
        deadline = time.monotonic() + seconds
        raw = self._message(deadline)
        if raw is None:
            self.close()
            return None, None
        token, result = pickle.loads(raw)
        if isinstance(result, EdmError) or not result.partial:
            self.close()
        return token, result

    def fresh(self) -> "RunsSnapshot | None":
        """The newest runs as they are now, after `result` gave those of the last time; None where there is nothing
        newer to show before all runs are read. Blocks; call it once."""
        raw = self._message(None) if self._left is not None and self._child else None
        if raw is None:
            return None
        result = pickle.loads(raw)[1]
        if isinstance(result, EdmError) or not result.partial:
            # So few are read here as soon; so is what went wrong.
            self.close()
            return None
        return result  # type: ignore[no-any-return]

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


def _left(workspace: Workspace) -> "RunsSnapshot | None":
    """The newest runs as they were when the program was last here."""
    from edm_core.stores.newest_runs import last_newest
    from edm_core.table.memory import recall

    asked = recall(workspace).experiment
    return last_newest(workspace, workspace.settings.tracking.experiment if asked is None else asked)


def _by_sql(workspace: Workspace) -> bool:
    return urlsplit(workspace.tracking_uri).scheme.startswith(("sqlite", "postgres"))


def _read_and_leave(workspace: Workspace, pipe: int, waited_for: bool) -> None:
    """What the child does. It leaves without the parent's clean-up, and what it cannot tell the screen finds anew."""
    status = 1
    try:
        # Whatever a library may say would land in the middle of the first frame.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        # The terminal's ctrl+c is for the interface, which ends this child by itself.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not waited_for:
            os.nice(LATER)
        from edm_core.stores.first_runs import first_and_all
        from edm_core.table.memory import recall

        with os.fdopen(pipe, "wb") as file:
            left = recall(workspace)
            for message in first_and_all(workspace, left.experiment, left.view.metrics()):
                file.write(len(message).to_bytes(8, "big"))
                file.write(message)
                file.flush()
                if waited_for:
                    # After the first message nobody waits: the frame that it is for comes first.
                    os.nice(LATER)
                    waited_for = False
        status = 0
    finally:
        os._exit(status)
