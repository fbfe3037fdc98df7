"""When to read more about what is in view: at once for a single move, after a rest in the middle of many."""

import time


class Rest:
    """Keys that are held down move on before anything more could be seen, and each reading costs bytes on the line."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._moved = float("-inf")

    def moved(self) -> float:
        """The view moved now: how many seconds it must rest before more is read, 0 where it rested before."""
        before, self._moved = self._moved, time.monotonic()
        return self._seconds if self._moved - before < self._seconds else 0.0
