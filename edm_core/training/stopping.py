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


@contextlib.contextmanager
def stop_later() -> Iterator[None]:
    """A signal that asks to stop is heeded at the end of this; a second one at once.

    In the midst of a library's transaction it would leave that open, and the database locked for whoever comes next.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # One that ends the process, or is ignored, stays as it is.
    asking = {number: signal.getsignal(number) for number in (*_STOPPING, signal.SIGINT)}
    handlers = {int(number): handler for number, handler in asking.items() if callable(handler)}
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            handlers[number](number, frame)

    for number in handlers:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            handlers[came[0]](came[0], None)
