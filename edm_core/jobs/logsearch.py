"""Finding something in a whole log, however large: the first error, or a text."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edm_core.jobs.logtext import LogText

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
class FoundLine:
    """A line of a log and the byte at which it begins."""

    offset: int
    text: str


def is_error(line: str) -> bool:
    """Whether a line looks like the beginning of an error report."""
    return _ERROR.search(line) is not None


def first_error(lines: Iterable[str]) -> int | None:
    """The number (from 0) of the first line that looks like an error; None when none does."""
    return next((number for number, line in enumerate(lines) if is_error(line)), None)


def find_first_error(path: Path) -> FoundLine | None:
    """The first line of a whole log that looks like an error. Takes seconds per gigabyte: call it in a thread."""
    return _scan(path, _error_in)


def find_text(path: Path, text: str) -> FoundLine | None:
    """The first line of a whole log that holds `text`; letter case counts only where the text has capitals."""
    wanted = text.encode()
    folded = text == text.lower()

    def found_in(block: bytes, offset: int) -> FoundLine | None:
        at = (block.lower() if folded else block).find(wanted)
        return None if at < 0 else _found(block, block.rfind(b"\n", 0, at) + 1, offset)

    return _scan(path, found_in)


def _scan(path: Path, found_in: Callable[[bytes, int], FoundLine | None]) -> FoundLine | None:
    """What is found first in the log, block by block of whole lines."""
    try:
        with path.open("rb") as file:
            offset, rest = 0, b""
            while block := file.read(_BLOCK):
                block = rest + block
                whole = block.rfind(b"\n") + 1 or (len(block) if len(block) > _BLOCK else 0)
                found = found_in(block[:whole], offset)
                if found is not None:
                    return found
                offset, rest = offset + whole, block[whole:]
            return found_in(rest, offset)
    except FileNotFoundError:
        return None


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
    return _found(block, len(block) - len(before[-1]), offset)


def _found(block: bytes, begin: int, offset: int) -> FoundLine:
    text = LogText()
    text.feed(block[begin:].partition(b"\n")[0])
    return FoundLine(offset + begin, text.unfinished().text)
