"""From the bytes of a log to lines that are safe to show: what a terminal would have left standing, with its colours.

A carriage return goes back to the beginning of the line, so a progress bar is one line. Colours become spans. Every
other escape sequence and control character is dropped, and bytes that are no UTF-8 become U+FFFD.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass

from edm_core.jobs.sgr import Style

LINE_LIMIT = 10_000
"""Characters of a line that are shown; what a longer one has beyond is dropped."""
_HELD_LIMIT = 4096
_TAB = 8
_TOKENS = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<newline>\n)"
    r"|(?P<return>\r)"
    r"|(?:\x1b\[|\x9b)(?P<codes>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
    r"|(?P<back>\x08)"
    r"|(?P<tab>\t)"
    r"|[\x00-\x1f\x7f-\x9f]"
)
# The beginning of a sequence whose end has not been written yet.
_UNFINISHED = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*\x1b?|\x1b[ -/]*)\Z"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (not included) of a line have this style, in Rich's words."""

    start: int
    end: int
    style: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line without its end."""

    text: str
    spans: tuple[Span, ...] = ()


class LogText:
    """Takes bytes in pieces of any size; what comes out does not depend on where they were cut."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._parts: list[tuple[str, str]] = []
        self._column = 0
        self._length = 0
        self._style = Style()

    def feed(self, data: bytes) -> list[LogLine]:
        """The lines that these bytes complete."""
        text = self._held + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _HELD_LIMIT))
        self._held = unfinished.group() if unfinished else ""
        lines: list[LogLine] = []
        for token in _TOKENS.finditer(text, 0, len(text) - len(self._held)):
            if token.lastgroup == "text":
                self._write(_printable(token.group()))
            elif token.lastgroup == "newline":
                lines.append(self.unfinished())
                self._parts, self._column, self._length = [], 0, 0
            elif token.lastgroup is not None:
                self._control(token)
        return lines

    def unfinished(self) -> LogLine:
        """The line that has no end yet."""
        spans: list[Span] = []
        start = 0
        for text, style in self._parts:
            if style and text:
                # What came in two reads is one span still.
                begin = spans.pop().start if spans and spans[-1].end == start and spans[-1].style == style else start
                spans.append(Span(begin, start + len(text), style))
            start += len(text)
        return LogLine("".join(text for text, _ in self._parts).rstrip(" "), tuple(spans))

    def _control(self, token: "re.Match[str]") -> None:
        if token.lastgroup == "return":
            self._column = 0
        elif token.lastgroup == "back":
            self._column = max(0, self._column - 1)
        elif token.lastgroup == "tab":
            self._write(" " * (_TAB - self._column % _TAB))
        elif token["final"] == "m":
            self._style = self._style.after(token["codes"])
        elif token["final"] == "K":
            self._erase(token["codes"])

    def _write(self, text: str) -> None:
        text = text[: LINE_LIMIT - self._column]
        if self._column < self._length:
            self._parts = [*_cut(self._parts, 0, self._column), (text, self._style.name),
                           *_cut(self._parts, self._column + len(text), self._length)]  # fmt: skip
        else:
            self._parts.append((text, self._style.name))
        self._column += len(text)
        self._length = max(self._length, self._column)

    def _erase(self, codes: str) -> None:
        """CSI K: to the end of the line, to its beginning (1), or all of it (2)."""
        start = 0 if codes in ("1", "2") else self._column
        end = min(self._column + 1, self._length) if codes == "1" else self._length
        blank = [(" " * max(0, end - start), "")]
        self._parts = [*_cut(self._parts, 0, start), *blank, *_cut(self._parts, end, self._length)]


def _cut(parts: list[tuple[str, str]], start: int, end: int) -> list[tuple[str, str]]:
    """The characters from `start` to `end` of a line in parts."""
    kept, at = [], 0
    for text, style in parts:
        piece = text[max(0, start - at) : max(0, end - at)]
        if piece:
            kept.append((piece, style))
        at += len(text)
    return kept


def _printable(text: str) -> str:
    """Without characters that a terminal does not show or takes as an order (direction marks, private use)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if unicodedata.category(c) == "Zs" else "" for c in text)
