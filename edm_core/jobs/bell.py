"""What wakes a supervisor up: a signal, at once; otherwise it sleeps."""

import os
import select
import signal
from types import FrameType


class Bell:
    """Signals become bytes in a pipe, so that none is missed between looking and sleeping.

    SIGHUP, SIGINT and SIGQUIT are met with a handler that does nothing. Ignoring them instead would be inherited by
    the command, which must be able to react to them.
    """

    def __init__(self) -> None:
        self.terminated = False
        self._reader, writer = os.pipe()
        for handle in (self._reader, writer):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, self._ring)
        signal.signal(signal.SIGTERM, self._terminate)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most so long."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        if ready:
            os.read(self._reader, 4096)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        """The byte in the pipe is all that is wanted."""

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.terminated = True
