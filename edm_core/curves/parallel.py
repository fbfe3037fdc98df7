"""Parallel coordinates as cells: one axis for each param or metric, one line for each run, lit ones in colour."""

from collections.abc import Sequence
from dataclasses import dataclass

from edm_core.curves.fields import Field
from edm_core.curves.plotted import AXIS, CURSOR, Cell, Dot, Stroke, plotted

MISSING = 6
"""Dots at the bottom that are for runs without a value."""
MOST_LINES = 120
"""Lines in the background; more of them are one grey field, and take their time."""
AXIS_WIDTH = 14
"""Cells that an axis wants."""


@dataclass(frozen=True, slots=True)
class Lit:
    """A run that is drawn in colour: its place among the runs, and its mark."""

    index: int
    mark: str


def parallel(
    fields: Sequence[Field], lit: Sequence[Lit], width: int, height: int, chosen: int = -1
) -> tuple[list[list[Cell]], int]:
    """(rows, background lines left out). The axis with the number `chosen` stands out; a lit run's owner is its number
    in `lit`."""
    if not fields or width < 20 or height < 8:
        return [], 0
    plot = height - 3
    xs = axis_columns(len(fields), width)
    places = [field.places() for field in fields]
    top = 4 * plot - 1

    def way(run: int) -> list[Dot]:
        heights = [places[axis][run] for axis in range(len(fields))]
        return [
            (2.0 * (x - 1), 0.0 if y is None else MISSING + y * (top - MISSING))
            for x, y in zip(xs, heights, strict=True)
        ]

    runs = len(fields[0].values)
    bright = {one.index for one in lit}
    rest = [run for run in range(runs) if run not in bright]
    shown = rest[:: -(-len(rest) // MOST_LINES) or 1]
    strokes = [Stroke(AXIS, [way(run)], faint=True) for run in shown]
    for owner, one in enumerate(lit):
        strokes += [Stroke(owner, [way(one.index)]), Stroke(owner, [way(one.index)], one.mark)]
    rows = plotted(strokes, width - 1, plot, [], [], axis=False)
    blank: list[Cell] = [(" ", AXIS, False)] * width
    # Its own axis on the left is none of ours.
    rows = [list(blank), *([blank[0], *row[1:width]] for row in rows[:plot]), list(blank), list(blank)]
    for axis, (field, x) in enumerate(zip(fields, xs, strict=True)):
        _axis(rows, field, x, plot, width // len(fields), CURSOR if axis == chosen else AXIS)
    return rows, len(rest) - len(shown)


def axis_columns(count: int, width: int) -> list[int]:
    """The cell column of each axis, with room for its name on both sides."""
    each = width / count
    return [int(each * (axis + 0.5)) for axis in range(count)]


def _axis(rows: list[list[Cell]], field: Field, x: int, plot: int, room: int, owner: int) -> None:
    for row in rows[1 : plot + 1]:
        if row[x][0] == " ":
            row[x] = ("│", owner, False)
    _write(rows[-1], x, _fitted(field.name, room - 1), owner, centred=True)
    if None in field.places():
        _write(rows[plot], x + 1, _fitted("none", room - 2), owner)
    if field.numeric:
        low, high = field.ends
        _write(rows[-2], x, _fitted(low, room - 1), owner, centred=True)
        _write(rows[0], x, _fitted(high + (" log" if field.log else ""), room - 1), owner, centred=True)
        return
    for place, word in field.ticks(0):
        dot = MISSING + place * (4 * plot - 1 - MISSING)
        _write(rows[plot - int(dot) // 4], x + 1, _fitted(word, room - 2), owner)


def _write(row: list[Cell], x: int, text: str, owner: int, *, centred: bool = False) -> None:
    start = min(max(0, x - len(text) // 2 if centred else x), max(0, len(row) - len(text)))
    for at, char in enumerate(text, start):
        row[at] = (char, owner, False)


def _fitted(text: str, room: int) -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= room else plain[: max(0, room - 1)] + "…"
