"""Following a log that grows, however large it is: opened at its end, read in bounded pieces."""

import os
import re
import time
from collections.abc import Iterable
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
_BLOCK = 1 << 20
_ERROR_PATTERN = (
    r"^Traceback \(most recent call last\)|^[ \t]*(?:[\w.]+\.)?\w*(?:Error|Exception)(?::|$)|^error:"
    r"|\b(?:ERROR|FATAL|CRITICAL)\b|\bCUDA error\b|\bout of memory\b|Segmentation fault|^Killed$"
)
_ERROR = re.compile(_ERROR_PATTERN)
_ERROR_BYTES = re.compile(_ERROR_PATTERN.encode(), re.MULTILINE)
# The same words for a quick look: bytes.find is many times quicker than the pattern.
_ERROR_WORDS = (
    b"error",
    b"traceback",
    b"exception",
    b"fatal",
    b"critical",
    b"out of memory",
    b"segmentation",
    b"killed",
)
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")


@dataclass(frozen=True, slots=True)
class LogBatch:
    """What is new. With `replace_last` the first line takes the place of the last one given before.

    `spans` has an entry for each line. `at` is when it was read (Unix seconds): for lines of a log that is being
    followed, when they came. `skipped` counts bytes that were left out; `restarted` says that the file was replaced
    or cut, and that what was given before is no longer in it.
    """

    lines: tuple[str, ...] = ()
    replace_last: bool = False
    details: tuple[LogLine, ...] = ()
    at: float = 0.0
    skipped: int = 0
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line of a log and the byte at which it begins."""

    offset: int
    text: str


class LogTail:
    """The lines of a growing file. It never waits, and a file that is not there yet is an empty one."""

    def __init__(self, path: Path, *, from_start: bool = False, skip: bool = True) -> None:
        """Begin with the last lines, or with the first; without `skip` nothing is ever left out."""
        self.path = path
        self._skip = skip
        self._position = 0 if from_start else -1
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
            end = time.monotonic() + max_seconds
            while max_bytes > 0:
                piece = file.read(min(_PIECE, max_bytes))
                lines += self._text.feed(piece)
                self._position += len(piece)
                max_bytes -= len(piece)
                if not piece or time.monotonic() >= end:
                    break
        return self._batch(lines, restarted, skipped)

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
        return restarted, 0 if opening else skipped

    def _batch(self, lines: list[LogLine], restarted: bool, skipped: int) -> LogBatch:
        shown, last = self._shown, self._text.unfinished()
        if not (lines or restarted or skipped) and last == shown:
            return LogBatch()
        replace = bool(shown.text) and not restarted
        if last.text or (replace and not lines):
            lines = [*lines, last]
        self._shown = last
        return LogBatch(tuple(line.text for line in lines), replace, tuple(lines), time.time(), skipped, restarted)


def is_error(line: str) -> bool:
    """Whether a line looks like the beginning of an error report."""
    return _ERROR.search(line) is not None


def first_error(lines: Iterable[str]) -> int | None:
    """The number (from 0) of the first line that looks like an error; None when none does."""
    return next((number for number, line in enumerate(lines) if is_error(line)), None)


def find_first_error(path: Path) -> FoundLine | None:
    """The first line of a whole log that looks like an error. Takes seconds per gigabyte: call it in a thread."""
    try:
        with path.open("rb") as file:
            offset, rest = 0, b""
            while block := file.read(_BLOCK):
                block = rest + block
                whole = block.rfind(b"\n") + 1 or (len(block) if len(block) > _BLOCK else 0)
                found = _error_in(block[:whole], offset)
                if found is not None:
                    return found
                offset, rest = offset + whole, block[whole:]
            return _error_in(rest, offset)
    except FileNotFoundError:
        return None


def lines_from(path: Path, offset: int, max_bytes: int = TAIL_BYTES) -> list[LogLine]:
    """The lines that begin at `offset`, as many as lie within `max_bytes`."""
    text = LogText()
    with path.open("rb") as file:
        file.seek(offset)
        lines = text.feed(file.read(max_bytes))
    return lines or [text.unfinished()]


def _error_in(block: bytes, offset: int) -> FoundLine | None:
    lowered = block.lower()
    if not any(word in lowered for word in _ERROR_WORDS):
        return None
    plain = _COLOUR.sub(b"", block)
    found = _ERROR_BYTES.search(plain)
    if found is None:
        return None
    # Without its colours a line begins elsewhere, but it is still the same line by number.
    before = block.split(b"\n", plain.count(b"\n", 0, found.start()))
    text = LogText()
    text.feed(before[-1].partition(b"\n")[0])
    return FoundLine(offset + len(block) - len(before[-1]), text.unfinished().text)


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
