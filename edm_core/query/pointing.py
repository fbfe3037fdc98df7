"""Errors that show the place in what was typed."""

import unicodedata
from dataclasses import dataclass

from edm_core.errors import QueryError

_AROUND = 60
"""Cells of the line that are shown to each side of the place."""


@dataclass(frozen=True, slots=True)
class Source:
    """The whole text that is being read, to which every place in an error refers."""

    text: str

    def error(self, column: int, problem: str, hint: str = "") -> QueryError:
        """An error whose message shows the line with a caret under `column` (counted in characters from 0)."""
        error = QueryError(f"{problem}\n{excerpt(self.text, column)}", hint)
        error.problem, error.column = problem, column
        return error


def excerpt(text: str, column: int, around: int = _AROUND) -> str:
    """The line of `text` that holds `column`, shortened to what is near, over a caret under that place."""
    column = max(0, min(column, len(text)))
    start = text.rfind("\n", 0, column) + 1
    line = text[start:].partition("\n")[0].replace("\t", " ").replace("\r", " ")
    at = column - start
    first = max(0, at - around)
    shown = line[first : at + around]
    before = ("…" if first else "") + line[first:at]
    return f"  {'…' if first else ''}{shown}{'…' if at + around < len(line) else ''}\n  {' ' * _cells(before)}^"


def _cells(text: str) -> int:
    """How wide a terminal draws the text: what comes before the caret may hold wide and combining characters."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
