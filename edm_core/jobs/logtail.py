"""Following a log that grows, however large it is: opened at its end, read in bounded pieces."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from edm_core.jobs.logtext import LogLine, LogText

TAIL_BYTES = 65_536
"""How much of the end is read when a log is opened."""
POLL_BYTES = 262_144
POLL_SECONDS = 0.02
SKIP_BYTES = 16 * 1024 * 1024
"""When so much has not been read yet, the middle is left out and the batch says so."""
_PIECE = 32_768


@dataclass(frozen=True, slots=True)
class LogBatch:
    """What is new. With `replace_last` the first line takes the place of the last one given before.

    `details` and `offsets` (the byte at which it begins) have an entry for each line. `at` is when it was read (Unix
    seconds): for lines of a log that is being followed, when they came. `skipped` counts bytes that were left out;
    `restarted` says that the file was replaced or cut, and that what was given before is no longer in it.
    """

    lines: tuple[str, ...] = ()
    replace_last: bool = False
    details: tuple[LogLine, ...] = ()
    offsets: tuple[int, ...] = ()
    at: float = 0.0
    skipped: int = 0
    restarted: bool = False


class LogTail:
    """The lines of a growing file. It never waits, and a file that is not there yet is an empty one."""

    def __init__(self, path: Path, *, from_start: bool = False, skip: bool = True, start: int | None = None) -> None:
        """Begin with the last lines, with the first, or at the byte `start`; without `skip` nothing is left out."""
        self.path = path
        self._skip = skip
        self._position = 0 if from_start else -1 if start is None else start
        self._line_start = max(0, self._position)
        self._inode = 0
        self._text = LogText()
        self._shown = LogLine("")

    def poll(self, max_bytes: int = POLL_BYTES, max_seconds: float = POLL_SECONDS) -> LogBatch:
        """What came since the last call, up to these bounds; the rest comes with the next one."""
        try:
            file = self.path.open("rb", buffering=0)
        except OSError:
            return LogBatch()
        with file:
            restarted, skipped = self._place(file.fileno())
            lines: list[LogLine] = []
            offsets: list[int] = []
            end = time.monotonic() + max_seconds
            while max_bytes > 0:
                piece = file.read(min(_PIECE, max_bytes))
                lines += self._text.feed(piece)
                offsets += self._begins(piece)
                self._position += len(piece)
                max_bytes -= len(piece)
                if not piece or time.monotonic() >= end:
                    break
        return self._batch(lines, offsets, restarted, skipped)

    def _begins(self, piece: bytes) -> list[int]:
        """Where the lines begin that end in this piece, which is read at the current position."""
        found, at = [], piece.find(b"\n")
        while at >= 0:
            found.append(self._line_start)
            self._line_start = self._position + at + 1
            at = piece.find(b"\n", at + 1)
        return found

    @property
    def at_line_start(self) -> bool:
        """Whether the last line that was given is complete."""
        return not self._shown.text

    @property
    def behind(self) -> int:
        """Bytes that are there and were not read yet."""
        try:
            return max(0, self.path.stat().st_size - max(0, self._position))
        except OSError:
            return 0

    def _place(self, handle: int) -> tuple[bool, int]:
        """Go to where reading goes on. Whether the file is another one, and how many bytes are left out."""
        stat = os.fstat(handle)
        restarted = self._position >= 0 and bool(self._inode) and (
            stat.st_ino != self._inode or stat.st_size < self._position
        )  # fmt: skip
        opening = self._position < 0
        if restarted or opening:
            self._text, self._position = LogText(), 0
        self._inode = stat.st_ino
        target = stat.st_size - TAIL_BYTES
        skipped = 0
        if target > 0 and (opening or (self._skip and stat.st_size - self._position > SKIP_BYTES)):
            skipped = target - self._position
            self._text, self._position = LogText(), _after_newline(handle, target)
        elif self._position < stat.st_size:
            self._position = _next_data(handle, self._position)
        os.lseek(handle, self._position, os.SEEK_SET)
        if restarted or opening or skipped:
            self._line_start = self._position
        return restarted, 0 if opening else skipped

    def _batch(self, lines: list[LogLine], offsets: list[int], restarted: bool, skipped: int) -> LogBatch:
        shown, last = self._shown, self._text.unfinished()
        if not (lines or restarted or skipped) and last == shown:
            return LogBatch()
        replace = bool(shown.text) and not restarted
        if last.text or (replace and not lines):
            lines, offsets = [*lines, last], [*offsets, self._line_start]
        self._shown = last
        texts = tuple(line.text for line in lines)
        return LogBatch(texts, replace, tuple(lines), tuple(offsets), time.time(), skipped, restarted)


def _after_newline(handle: int, target: int) -> int:
    """The beginning of the first whole line after `target`; `target` itself when there is none near."""
    piece = os.pread(handle, TAIL_BYTES, target - 1)
    newline = piece.find(b"\n")
    return target + newline if 0 <= newline < len(piece) - 1 else target


def _next_data(handle: int, position: int) -> int:
    """`position`, or the end of the hole that it lies in: the part of a log that was rotated away."""
    try:
        return os.lseek(handle, position, os.SEEK_DATA)
    except OSError:
        return position
