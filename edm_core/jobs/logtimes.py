"""When the lines of a log came: the supervisor notes now and then how long the log is.

The command writes its log itself, so nobody stamps its lines; from the notes each line's time is known to about a
second, also for a log that is opened later. A note is 16 bytes: the log's length, and Unix seconds.
"""

import struct
import time
from bisect import bisect_right
from pathlib import Path

_NOTE = struct.Struct("<Qd")


class LogClock:
    """Notes the length of a log where it has changed."""

    def __init__(self, log: Path, notes: Path) -> None:
        self._log, self._notes, self._size = log, notes, 0

    def note(self) -> None:
        """Look once. A log that cannot be looked at, or a full disk, costs the times and nothing else."""
        try:
            size = self._log.stat().st_size
            if size != self._size:
                with self._notes.open("ab") as file:
                    file.write(_NOTE.pack(size, time.time()))
                self._size = size
        except OSError:
            return


class LogTimes:
    """Reads the notes; `read` takes in what is new."""

    def __init__(self, notes: Path) -> None:
        self._path = notes
        self._offset = 0
        self._sizes: list[int] = []
        self._times: list[float] = []

    def read(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        whole = len(data) // _NOTE.size * _NOTE.size
        self._offset += whole
        for size, at in _NOTE.iter_unpack(data[:whole]):
            self._sizes.append(size)
            self._times.append(at)

    @property
    def any(self) -> bool:
        """Whether there are notes."""
        return bool(self._times)

    def at(self, offset: int) -> float | None:
        """When the byte at `offset` was there first (Unix seconds); None where it was not noted yet."""
        index = bisect_right(self._sizes, offset)
        return self._times[index] if index < len(self._times) else None
