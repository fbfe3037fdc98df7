"""The lines of a log as rows to draw: bounded, wrapped or not, searched and filtered. Knows nothing of a screen."""

import re
from collections.abc import Iterable

from rich.ansi import AnsiDecoder
from rich.cells import cell_len, chop_cells
from rich.text import Text

MAX_LINES = 20_000
_DROP = 2_000
MAX_LINE = 8_000
"""Characters of one line that are kept: a program that never ends its line must not fill the memory."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_]|.)?")
FIRST_ERROR = re.compile(
    r"Traceback \(most recent|\b[A-Z]\w*(?:Error|Exception)\b|\b(?:ERROR|CRITICAL|FATAL)\b"
    r"|^\s*(?:error|fatal):|Segmentation fault"
)


def clean_line(raw: str) -> str:
    """A line with its colours, and without every other escape and control character."""
    line = raw[:MAX_LINE].expandtabs(8)
    if "\x1b" in line:
        line = _ESCAPE.sub(lambda found: found[0] if _COLOUR.fullmatch(found[0]) else "", line)
    if line.isprintable():
        return line
    return "".join(c if c == "\x1b" or c.isprintable() else ("" if c in "\r\n" else "?") for c in line)


class LogBuffer:
    """At most MAX_LINES lines. A row is what fits on one line of the screen: a whole line, or a piece when wrapped."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._plain: list[str] = []
        self._rows: list[tuple[int, int]] = []  # (line, piece)
        self.dropped = 0
        self.width = 80
        self.wrapped = False
        self.pattern: re.Pattern[str] | None = None
        self.only_matching = False
        self._decoder = AnsiDecoder()

    @property
    def rows(self) -> int:
        return len(self._rows)

    @property
    def lines(self) -> int:
        """Lines in all, those included that were dropped."""
        return self.dropped + len(self._lines)

    def append(self, raw: Iterable[str]) -> int:
        """Add lines; returns how many rows went away at the start to keep the buffer bounded."""
        for line in raw:
            cleaned = clean_line(line)
            self._lines.append(cleaned)
            self._plain.append(_COLOUR.sub("", cleaned))
            self._rows.extend(self._pieces(len(self._lines) - 1))
        return self._drop_old() if len(self._lines) > MAX_LINES else 0

    def replace_last(self, raw: str) -> None:
        """The last line was written over (a progress bar's carriage return)."""
        if not self._lines:
            self.append([raw])
            return
        last = len(self._lines) - 1
        while self._rows and self._rows[-1][0] == last:
            self._rows.pop()
        self._lines[last] = clean_line(raw)
        self._plain[last] = _COLOUR.sub("", self._lines[last])
        self._rows.extend(self._pieces(last))

    def arrange(self, *, width: int | None = None, wrapped: bool | None = None) -> None:
        """Lay the rows out again, for another width, wrapping, pattern or filter."""
        self.width = self.width if width is None else max(1, width)
        self.wrapped = self.wrapped if wrapped is None else wrapped
        self._rows = [row for line in range(len(self._lines)) for row in self._pieces(line)]

    def search(self, text: str) -> None:
        """What to look for: letter case counts only where the text has capitals."""
        flags = 0 if text != text.lower() else re.IGNORECASE
        self.pattern = re.compile(re.escape(text), flags) if text else None
        if self.only_matching:
            self.arrange()

    def matches(self) -> int:
        """How many lines match."""
        return 0 if self.pattern is None else sum(1 for line in self._plain if self.pattern.search(line))

    def find(self, pattern: re.Pattern[str], row: int, step: int) -> int | None:
        """The next row after `row` (step -1: before it) whose line matches; goes round at the end."""
        count = len(self._rows)
        for distance in range(1, count + 1):
            at = (row + step * distance) % count
            line, piece = self._rows[at]
            if piece == 0 and pattern.search(self._plain[line]):
                return at
        return None

    def line_of(self, row: int) -> int:
        """Number of the line, counted from 1 in the whole log, that a row belongs to; 0 where there is none."""
        return self.dropped + self._rows[row][0] + 1 if 0 <= row < len(self._rows) else 0

    def row_of(self, line: int) -> int:
        """The first row of a line by its number, or of the next that is shown."""
        wanted = line - self.dropped - 1
        return next((at for at, (index, _) in enumerate(self._rows) if index >= wanted), max(0, len(self._rows) - 1))

    def text(self, row: int) -> Text:
        """What a row shows, with what was searched for marked."""
        line, piece = self._rows[row]
        text = self._decoder.decode_line(self._lines[line]) if "\x1b" in self._lines[line] else Text(self._lines[line])
        # The decoder's colours run on to the next line by design; here each line stands for itself.
        self._decoder.style = self._decoder.style.null()
        if self.pattern is not None:
            text.highlight_regex(self.pattern, "reverse")
        if not self.wrapped:
            return text
        pieces = text.divide(self._offsets(self._plain[line]))
        return pieces[piece] if piece < len(pieces) else Text()

    def _pieces(self, line: int) -> list[tuple[int, int]]:
        if self.only_matching and self.pattern is not None and not self.pattern.search(self._plain[line]):
            return []
        if not self.wrapped or cell_len(self._plain[line]) <= self.width:
            return [(line, 0)]
        return [(line, piece) for piece in range(len(self._offsets(self._plain[line])) + 1)]

    def _offsets(self, line: str) -> list[int]:
        offsets, total = [], 0
        for chunk in chop_cells(line, self.width)[:-1]:
            total += len(chunk)
            offsets.append(total)
        return offsets

    def _drop_old(self) -> int:
        drop = max(_DROP, len(self._lines) - MAX_LINES)
        del self._lines[:drop], self._plain[:drop]
        self.dropped += drop
        before = len(self._rows)
        self._rows = [(line - drop, piece) for line, piece in self._rows if line >= drop]
        return before - len(self._rows)
