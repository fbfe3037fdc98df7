"""A row of a chart as text, for charts that stand among other lines."""

from collections.abc import Sequence

from rich.text import Text

from edm_core.curves.lines import Line
from edm_core.curves.plotted import ALARM, Cell, runs
from edm_tui.themes import with_mark


def row_text(row: Sequence[Cell], lines: Sequence[Line], colours: Sequence[str], *, ascii_only: bool) -> Text:
    """The row in the lines' colours (styles, or theme variables such as `$primary`); with `ascii_only` a line is drawn
    with the mark of its run."""
    text = Text(end="")
    for piece, owner, _ in runs(row):
        if owner >= 0:
            text.append(with_mark(piece, lines[owner].mark) if ascii_only else piece, colours[owner])
        else:
            text.append(piece, "$error" if owner == ALARM else "")
    return text
