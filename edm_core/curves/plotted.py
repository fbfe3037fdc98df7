"""The one place that names plotext, whose figure is global: strokes and ticks in dots go in, cells come out."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock

AXIS, ALARM, CURSOR = -1, -2, -3
"""Whom a cell belongs to when it is no line's."""
Cell = tuple[str, int, bool]
"""(character, index of the line or AXIS, ALARM, CURSOR; faint)."""
Dot = tuple[float, float]
"""A place in dots, two across and four up in each cell, from the lower left corner of the plot."""
Ticks = Sequence[tuple[float, str]]
"""(place in dots, label)."""

_FIGURE = Lock()
_ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
# plotext knows colours only, so owner and faintness travel as one.
_COLOUR = "38;2;"
_FIRST = 16


@dataclass(frozen=True, slots=True)
class Stroke:
    """Stretches of joined dots of one owner, in braille; or, with a mark, that character at each dot."""

    owner: int
    stretches: Sequence[Sequence[Dot]]
    mark: str = ""
    faint: bool = False


def plotted(
    strokes: Sequence[Stroke], width: int, height: int, x_ticks: Ticks, y_ticks: Ticks, *, axis: bool = True
) -> list[list[Cell]]:
    """Rows of cells: a plot of `width` x `height` cells, labels and a line on its left, labels below it and, with
    `axis`, a line between. A later stroke takes the cells of an earlier one."""
    # Imported here: only who opens a chart pays for it.
    import plotext

    margin = margin_of(y_ticks)
    with _FIGURE:
        plotext.clear_figure()
        plotext.limit_size(False, False)
        plotext.plot_size(margin + 1 + width, height + 1 + axis)
        plotext.theme("clear")
        plotext.xaxes(axis, False)
        plotext.yaxes(True, False)
        plotext.xlim(0, 2 * width - 1)
        plotext.ylim(0, 4 * height - 1)
        plotext.xticks([_in_cell(place, 2, width) for place, _ in x_ticks], [label for _, label in x_ticks])
        plotext.yticks([_in_cell(place, 4, height) for place, _ in y_ticks], [label for _, label in y_ticks])
        # Without any data there would be no axes.
        plotext.scatter([0], [0], marker=" ")
        for stroke in strokes:
            _draw(plotext, stroke, width, height)
        text = plotext.build()
    return [list(_cells(line)) for line in text.splitlines()]


def runs(row: Sequence[Cell]) -> Iterator[Cell]:
    """The row in as few pieces as there are changes of owner and faintness."""
    for (owner, faint), cells in groupby(row, key=lambda cell: cell[1:]):
        yield "".join(char for char, _, _ in cells), owner, faint


def margin_of(y_ticks: Ticks) -> int:
    """Cells that the labels on the left take."""
    return max((len(label) for _, label in y_ticks), default=0)


def _in_cell(place: float, dots: int, cells: int) -> float:
    """The place at which plotext puts a character into the cell that this dot lies in: it spreads characters over the
    plot from edge to edge, a little wider than dots."""
    return round(place) // dots * (dots * cells - 1) / max(1, cells - 1)


def _draw(plotext: object, stroke: Stroke, width: int, height: int) -> None:
    xs: list[float] = []
    ys: list[float] = []
    for stretch in stroke.stretches:
        xs += [_in_cell(x, 2, width) if stroke.mark else x for x, _ in stretch] + [math.nan]
        ys += [_in_cell(y, 4, height) if stroke.mark else y for _, y in stretch] + [math.nan]
    if not xs:
        return
    code = stroke.owner + _FIRST
    draw = getattr(plotext, "scatter" if stroke.mark else "plot")
    draw(xs, ys, marker=stroke.mark or "braille", color=(int(stroke.faint), code >> 8, code & 255))


def _cells(line: str) -> Iterator[Cell]:
    owner, faint = AXIS, False
    for at, part in enumerate(_ESCAPE.split(line)):
        if at % 2 == 0:
            yield from ((char, owner, faint) for char in part)
        elif part.startswith(_COLOUR):
            red, high, low = map(int, part.removeprefix(_COLOUR).split(";"))
            owner, faint = (high << 8) + low - _FIRST, bool(red)
        else:
            owner, faint = AXIS, False
