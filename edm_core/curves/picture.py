"""A chart as cells: lines of runs between axes, in braille. A terminal and a pipe show the same."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edm_core.curves.axes import x_ticks
from edm_core.curves.lines import Frame, Line, Path, View, x_of, x_range, y_range
from edm_core.curves.plotted import ALARM, CURSOR, Cell, Dot, Stroke, Ticks, margin_of, plotted
from edm_core.curves.polyline import Stretch, dashed, inside, length, straightened, thinned
from edm_core.curves.signs import BAD_SIGNS

COARSER = (1, 2, 4, 8, 16, 32)
"""Columns of which the extremes are kept together, where all lines take more dots than a chart is worth."""
MOST_DOTS = 24_000
"""What plotext draws in a tenth of a second."""


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
    named = [(place, label[: width // 3]) for place, label in scale.ticks(*y, max(2, plot_height // 3))]
    margin = margin_of(named)
    frame = Frame(margin + 1, width - margin - 1, plot_height, x, y, scale)
    left = [(frame.dot_of(x[0], place)[1], label) for place, label in named]
    strokes = [*_curves(paths, view, frame), *_marks(paths, frame), *_alarms(paths, view, frame)]
    return Picture(plotted(strokes, frame.width, plot_height, _below(view, frame), left, axis=axis), frame)


def _below(view: View, frame: Frame) -> Ticks:
    ticks = x_ticks(view.unit, *frame.x, max(2, frame.width // 8))
    return [(frame.dot_of(x, 0)[0], label) for x, label in ticks if frame.x[0] <= x <= frame.x[1]]


def _curves(paths: Sequence[Path], view: View, frame: Frame) -> list[Stroke]:
    """The lines, faint ones first, in as much detail as there is time for."""
    wanted = [(index, path, faint) for faint in (True, False) if view.smooth or not faint
              for index, path in enumerate(paths)]  # fmt: skip
    most = min(MOST_DOTS, 2_000 + 8 * frame.width * frame.height)
    whole = [list(path.stretches(frame, raw=faint)) for _, path, faint in wanted]
    found: list[list[Stretch]] = []
    for columns in COARSER:
        found = [[part for one in stretches for part in _fitted(one, columns, frame)] for stretches in whole]
        if sum(length(part) for parts in found for part in parts) <= most:
            break
    return [
        Stroke(index, [dash for part in parts for dash in dashed(part)] if path.line.dashed else parts, faint=faint)
        for (index, path, faint), parts in zip(wanted, found, strict=True)
    ]


def _fitted(stretch: Stretch, columns: int, frame: Frame) -> Iterator[Stretch]:
    for part in inside(thinned(stretch, columns), 0, 0, 2 * frame.width - 1):
        yield from map(straightened, inside(part, 1, 0, 4 * frame.height - 1))


def _marks(paths: Sequence[Path], frame: Frame) -> Iterator[Stroke]:
    """The run's mark on its line, here and there and at its end: colour is never the only sign."""
    if len(paths) < 2:
        return
    for index, path in enumerate(paths):
        seen = [at for at in range(len(path.xs)) if frame.x[0] <= path.xs[at] <= frame.x[1]]
        if not seen:
            continue
        values = path.history.means if path.smooth is None else path.smooth
        apart = max(1, len(seen) * 24 // max(24, frame.width))
        first = apart * (index + 1) // (len(paths) + 1)
        dots = [frame.dot_of(path.xs[at], frame.scale.place(values[at])) for at in {*seen[first::apart], seen[-1]}]
        yield Stroke(index, [[dot for dot in dots if _in_view(dot, frame)]], path.line.mark)


def _in_view(dot: Dot, frame: Frame) -> bool:
    return math.isfinite(dot[1]) and 0 <= dot[1] <= 4 * frame.height - 1


def _alarms(paths: Sequence[Path], view: View, frame: Frame) -> Iterator[Stroke]:
    """Where a value was no number: × below for NaN, an arrow at the edge for an infinity."""
    places: dict[str, list[Dot]] = {}
    for path in paths:
        for step, at, value in path.history.bad:
            x = x_of(path.line, view.unit, step, at)
            if frame.x[0] <= x <= frame.x[1]:
                height = 4 * frame.height - 1 if value == math.inf else 0
                places.setdefault(BAD_SIGNS[str(value)], []).append((frame.dot_of(x, 0)[0], height))
    for sign, dots in places.items():
        yield Stroke(ALARM, [dots], sign)


def with_cursor(picture: Picture, x: float) -> list[list[Cell]]:
    """The picture's rows with a vertical line at `x` where it is in view, behind the lines; its foot on the axis."""
    frame = picture.frame
    if frame is None or not frame.x[0] <= x <= frame.x[1]:
        return picture.rows
    column = min(max(frame.column_of(x), frame.left), frame.left + frame.width - 1)
    rows = [list(row) for row in picture.rows]
    for row in rows[: frame.height]:
        if row[column][0] == " ":
            row[column] = ("│", CURSOR, False)
    if len(rows) > frame.height + 1:
        rows[frame.height][column] = ("┴", CURSOR, False)
    return rows
