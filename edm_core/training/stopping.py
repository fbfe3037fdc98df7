"""How a training is asked to stop: SIGTERM ends the run as KILLED, and so does Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopRequested(BaseException):
    """SIGTERM came. Not an Exception, so that no library takes it for one of its own."""


@contextlib.contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Raise StopRequested in the main thread when SIGTERM comes; a second one is ignored while the first is served."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise StopRequested

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
