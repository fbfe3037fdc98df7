"""A chart as cells: lines of runs between axes, in braille. A terminal and a pipe show the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from edm_core.curves.axes import Ticks, XUnit, x_ticks
from edm_core.curves.lines import Frame, Line, Path, View, x_of, x_range, y_range
from edm_core.curves.raster import Raster, trace

AXIS, ALARM, CURSOR = -1, -2, -3
"""Whom a cell belongs to when it is no line's."""
BAD_SIGNS = {"nan": "×", "inf": "↑", "-inf": "↓"}
Cell = tuple[str, int, bool]
"""(character, index of the line or AXIS, ALARM, CURSOR; faint)."""


@dataclass(slots=True)
class Picture:
    """Rows of cells. `frame` is None where there was nothing to draw or no room."""

    rows: list[list[Cell]] = field(default_factory=list)
    frame: Frame | None = None


def draw(lines: Sequence[Line], view: View, width: int, height: int) -> Picture:
    """The chart of these lines in `width` x `height` cells."""
    paths = [Path(line, view) for line in lines]
    x = view.x or x_range(paths, view)
    if x is None or width < 14 or height < 3:
        return Picture()
    y, scale = y_range(paths, view, x)
    axis = height >= 10
    plot_height = height - (2 if axis else 1)
    ticks = scale.ticks(*y, max(2, plot_height // 3))
    margin = min(width // 3, max((len(label) for _, label in ticks), default=1))
    frame = Frame(margin + 1, width - margin - 1, plot_height, x, y, scale)
    raster = Raster(frame.width, plot_height)
    for faint in (True, False):
        for index, path in enumerate(paths):
            if not faint or view.smooth:
                raster.draw(
                    trace(path.samples(frame, raw=faint), 2 * frame.width), index, dashed=path.line.dashed, faint=faint
                )
    rows = [_plot_row(raster, row) for row in range(plot_height)]
    _stamp(rows, paths, frame)
    _alarms(rows, paths, view, frame)
    _left_axis(rows, ticks, frame, margin)
    rows += _bottom_axis(view.unit, frame, axis)
    return Picture(rows, frame)


def _plot_row(raster: Raster, row: int) -> list[Cell]:
    cells = (raster.cell(column, row) for column in range(raster.width))
    return [(char, AXIS if owner is None else owner, faint) for char, owner, faint in cells]


def _stamp(rows: list[list[Cell]], paths: Sequence[Path], frame: Frame) -> None:
    """The run's mark on its line, here and there and at its end: colour is never the only sign."""
    if len(paths) < 2:
        return
    for index, path in enumerate(paths):
        inside = [at for at in range(len(path.xs)) if frame.x[0] <= path.xs[at] <= frame.x[1]]
        if not inside:
            continue
        values = path.history.means if path.smooth is None else path.smooth
        apart = max(1, len(inside) * 24 // max(24, frame.width))
        first = apart * (index + 1) // (len(paths) + 1)
        for at in {*inside[first::apart], inside[-1]}:
            row, column = _cell_of(frame, path.xs[at], values[at])
            if 0 <= row < frame.height and 0 <= column < frame.width:
                rows[row][column] = (path.line.mark, index, False)


def _cell_of(frame: Frame, x: float, value: float) -> tuple[int, int]:
    place = frame.scale.place(value)
    if not math.isfinite(place):
        return -1, -1
    down = (frame.y[1] - place) / (frame.y[1] - frame.y[0]) * (4 * frame.height - 1)
    return int(down) // 4, frame.column_of(x) - frame.left


def _alarms(rows: list[list[Cell]], paths: Sequence[Path], view: View, frame: Frame) -> None:
    """Where a value was no number: × below for NaN, an arrow at the edge for an infinity."""
    for path in paths:
        for step, at, value in path.history.bad:
            column = frame.column_of(x_of(path.line, view.unit, step, at)) - frame.left
            if 0 <= column < frame.width:
                row = 0 if value == math.inf else frame.height - 1
                rows[row][column] = (BAD_SIGNS[str(value)], ALARM, False)


def _left_axis(rows: list[list[Cell]], ticks: Ticks, frame: Frame, margin: int) -> None:
    label_of: dict[int, str] = {}
    for place, name in ticks:
        row = int((frame.y[1] - place) / (frame.y[1] - frame.y[0]) * (4 * frame.height - 1)) // 4
        label_of.setdefault(min(max(row, 0), frame.height - 1), name)
    for row, cells in enumerate(rows):
        label = label_of.get(row)
        edge = "│" if label is None else "┤"
        text = (label or "")[:margin].rjust(margin) + edge
        cells[:0] = [(char, AXIS, False) for char in text]


def _bottom_axis(unit: XUnit, frame: Frame, axis: bool) -> list[list[Cell]]:
    width = frame.left + frame.width
    line, text = list(" " * (frame.left - 1) + "└" + "─" * frame.width), [" "] * width
    free = 0
    for x, label in x_ticks(unit, *frame.x, max(2, frame.width // 8)):
        column = min(max(frame.column_of(x), frame.left), width - 1)
        start = min(max(column - len(label) // 2, 0), width - len(label))
        if start < free:
            continue
        line[column] = "┬"
        text[start : start + len(label)] = label
        free = start + len(label) + 1
    rows = [line, text] if axis else [text]
    return [[(char, AXIS, False) for char in row] for row in rows]


def with_cursor(picture: Picture, x: float) -> list[list[Cell]]:
    """The picture's rows with a vertical line at `x`, where it is in view."""
    frame = picture.frame
    if frame is None or not frame.x[0] <= x <= frame.x[1]:
        return picture.rows
    column = min(max(frame.column_of(x), frame.left), frame.left + frame.width - 1)
    rows = [list(row) for row in picture.rows]
    for row in rows[: frame.height]:
        if row[column][0] == " ":
            row[column] = ("│", CURSOR, False)
    return rows
