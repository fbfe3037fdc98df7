"""Lines of a table out of cells: text from outside made plain, long text cut, columns that line up."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

# CSI and OSC sequences whole, other escapes by their next character, so that no remnant of one is left to read.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_]|.)?")

Cell = str | Text


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `width` in terminal cells, 0 for as wide as its content; `flex` takes what is left over."""

    title: str
    width: int = 0
    right: bool = False
    flex: bool = False


def plain(text: str) -> str:
    """Text from outside as one line that no terminal reads as a command."""
    bare = _ESCAPES.sub("", text) if "\x1b" in text else text
    if bare.isprintable():
        return bare
    return "".join(c if c.isprintable() else (" " if c in "\t\n\r " else "?") for c in bare)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells; what is left out shows as …"""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def layout(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, gap: int = 2
) -> tuple[Text, list[Text]]:
    """The header line and one line for each row, `width` cells wide at most."""
    header, line = laid_out(columns, rows, width, gap)
    return header, [line(index) for index in range(len(rows))]


def laid_out(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, gap: int = 2
) -> tuple[Text, Callable[[int], Text]]:
    """The header line, and what makes the line of a row: of thousands of rows only those in view need one."""
    widths = _widths(columns, rows, width, gap)

    def line(index: int) -> Text:
        cells = [cell if isinstance(cell, Text) else Text(plain(cell), end="") for cell in rows[index]]
        return _line(cells, columns, widths, gap)

    return _line([Text(column.title, end="") for column in columns], columns, widths, gap), line


def _size(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(plain(cell))


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, gap: int) -> list[int]:
    widths = []
    for index, column in enumerate(columns):
        content = max((_size(row[index]) for row in rows), default=0)
        widths.append(column.width or max(cell_len(column.title), content))
    spare = width - sum(widths) - gap * (len(widths) - 1)
    flexible = [index for index, column in enumerate(columns) if column.flex]
    if flexible and spare < 0:
        # The flexible columns give way, each by its share, and stay wide enough to be told apart.
        for count, index in enumerate(flexible):
            give = -(spare // (len(flexible) - count))
            taken = min(give, max(0, widths[index] - 8))
            widths[index] -= taken
            spare += taken
    return widths


def _line(cells: Sequence[Text], columns: Sequence[Column], widths: Sequence[int], gap: int) -> Text:
    line = Text(end="", no_wrap=True)
    for index, (cell, column, width) in enumerate(zip(cells, columns, widths, strict=True)):
        if index:
            line.append(" " * gap)
        fitted = cell.copy()
        fitted.truncate(width, overflow="ellipsis")
        space = " " * (width - fitted.cell_len)
        line.append_text(Text(space, end="") + fitted if column.right else fitted)
        if not column.right and index < len(widths) - 1:
            line.append(space)
    return line
