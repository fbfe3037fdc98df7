"""A row of a chart as text, for charts that stand among other lines."""

from collections.abc import Sequence

from rich.text import Text

from edm_core.curves.plotted import ALARM, CURSOR, Cell, runs
from edm_tui.themes import with_mark


def row_text(row: Sequence[Cell], marks: Sequence[str], colours: Sequence[str], *, ascii_only: bool) -> Text:
    """The row in the lines' colours (styles, or theme variables such as `$primary`); with `ascii_only` a line is drawn
    with the mark of its run."""
    text = Text(end="")
    for piece, owner, faint in runs(row):
        if owner >= 0:
            text.append(with_mark(piece, marks[owner]) if ascii_only else piece, colours[owner])
        else:
            text.append(piece, {ALARM: "$error", CURSOR: "$accent"}.get(owner, "dim" if faint else ""))
    return text
