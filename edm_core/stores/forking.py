"""Work in a forked process, whose result comes back: Python's threads would take turns."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from edm_core.errors import StoreError

T = TypeVar("T")


@contextmanager
def forked(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Begins `work` in a process of its own and gives a function that waits for its result. Only for a process with one
    thread; `work` may use nothing that is open here. The result raises StoreError where the work failed."""
    end, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        _work_and_leave(work, there)
    os.close(there)

    def result() -> T:
        with os.fdopen(os.dup(end), "rb") as file:
            raw = file.read()
        if not raw:
            raise StoreError("the process that read the metrics ended before it was done", "Try again.")
        found = pickle.loads(raw)
        if isinstance(found, StoreError):
            raise found
        return found  # type: ignore[no-any-return]

    try:
        yield result
    finally:
        os.close(end)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _work_and_leave(work: Callable[[], object], pipe: int) -> None:
    status = 1
    try:
        try:
            found = work()
        except StoreError as error:
            found = error
        with os.fdopen(pipe, "wb") as file:
            pickle.dump(found, file, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
