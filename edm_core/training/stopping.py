"""How a training is asked to stop: SIGTERM and a lost terminal end the run as KILLED, and so does Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_STOPPING = (signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """A signal that asks to stop came: `number`. Not an Exception, so that no library takes it for one of its own."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise StopRequested in the main thread when SIGTERM or SIGHUP comes; a second one is ignored while the first
    is served. A signal that is ignored already (nohup) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    heeded = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested(number)

    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
