"""The lines of a log as rows to draw: bounded, wrapped or not, searched and filtered. Knows nothing of a screen."""

import re
import time
from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.text import Text

MAX_LINES = 20_000
_DROP = 2_000
STAMP_CELLS = 9


LogRow = str | Text
"""A line without its end. Most lines have no styles, and strings cost the garbage collector nothing."""


def plain_of(line: LogRow) -> str:
    return line if isinstance(line, str) else line.plain


class LogBuffer:
    """At most MAX_LINES lines. A row is what fits on one line of the screen: a whole line, or a piece when wrapped."""

    def __init__(self) -> None:
        self._lines: list[LogRow] = []
        self._times: list[float] = []
        self._rows: list[tuple[int, int]] = []  # (line, piece)
        self.with_times = False
        self.dropped = 0
        self.width = 80
        self.wrapped = False
        self.pattern: re.Pattern[str] | None = None
        self.only_matching = False

    @property
    def rows(self) -> int:
        return len(self._rows)

    @property
    def lines(self) -> int:
        """Lines in all, those included that were dropped."""
        return self.dropped + len(self._lines)

    def append(self, lines: Sequence[LogRow], times: Sequence[float] = ()) -> int:
        """Add lines, with the times (Unix seconds) at which they came; returns how many rows went away at the start to
        keep the buffer bounded."""
        for line, at in zip(lines, times or [0.0] * len(lines), strict=True):
            self._lines.append(line)
            self._times.append(at)
            self._rows.extend(self._pieces(len(self._lines) - 1))
        return self._drop_old() if len(self._lines) > MAX_LINES else 0

    def replace_last(self, line: LogRow, at: float = 0.0) -> None:
        """The last line was written over or went on (a progress bar, a line without its end)."""
        if self._lines:
            last = len(self._lines) - 1
            while self._rows and self._rows[-1][0] == last:
                self._rows.pop()
            self._lines.pop()
            self._times.pop()
        self.append([line], [at])

    def clear(self) -> None:
        """The log was replaced by another one."""
        self._lines, self._times, self._rows, self.dropped = [], [], [], 0

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

    def plain_lines(self) -> Iterator[str]:
        """The lines that are kept, without styles."""
        return map(plain_of, self._lines)

    def matches(self) -> int:
        """How many lines match."""
        return 0 if self.pattern is None else sum(1 for line in self._lines if self.pattern.search(plain_of(line)))

    def find(self, wanted: Callable[[str], object], row: int, step: int) -> int | None:
        """The next row after `row` (step -1: before it) whose line is wanted; goes round at the end."""
        count = len(self._rows)
        for distance in range(1, count + 1):
            at = (row + step * distance) % count
            line, piece = self._rows[at]
            if piece == 0 and wanted(plain_of(self._lines[line])):
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
        held = self._lines[line]
        text = Text(held, end="", no_wrap=True) if isinstance(held, str) else held.copy()
        if self.pattern is not None:
            text.highlight_regex(self.pattern, "reverse")
        if self.wrapped:
            pieces = text.divide(self._offsets(text.plain))
            text = pieces[piece] if piece < len(pieces) else Text()
        return self._stamp(line, piece).append_text(text) if self.with_times else text

    def _stamp(self, line: int, piece: int) -> Text:
        at = self._times[line]
        shown = time.strftime("%H:%M:%S ", time.localtime(at)) if at and not piece else " " * STAMP_CELLS
        return Text(shown, style="dim", end="", no_wrap=True)

    @property
    def _room(self) -> int:
        """Cells for the line itself."""
        return max(1, self.width - STAMP_CELLS) if self.with_times else self.width

    def _pieces(self, line: int) -> list[tuple[int, int]]:
        plain = plain_of(self._lines[line])
        if self.only_matching and self.pattern is not None and not self.pattern.search(plain):
            return []
        if not self.wrapped or (len(plain) if plain.isascii() else cell_len(plain)) <= self._room:
            return [(line, 0)]
        return [(line, piece) for piece in range(len(self._offsets(plain)) + 1)]

    def _offsets(self, line: str) -> list[int]:
        if line.isascii():
            return list(range(self._room, len(line), self._room))
        offsets, total = [], 0
        for chunk in chop_cells(line, self._room)[:-1]:
            total += len(chunk)
            offsets.append(total)
        return offsets

    def _drop_old(self) -> int:
        drop = max(_DROP, len(self._lines) - MAX_LINES)
        del self._lines[:drop], self._times[:drop]
        self.dropped += drop
        before = len(self._rows)
        self._rows = [(line - drop, piece) for line, piece in self._rows if line >= drop]
        return before - len(self._rows)
