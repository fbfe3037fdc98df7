"""A scatter of runs as cells: any param or metric against any other."""

from collections.abc import Sequence

from edm_core.curves.fields import Field
from edm_core.curves.parallel import Lit
from edm_core.curves.plotted import AXIS, Cell, Dot, Stroke, Ticks, margin_of, plotted


def scatter(x: Field, y: Field, lit: Sequence[Lit], width: int, height: int) -> tuple[list[list[Cell]], int]:
    """(rows, runs left out because they lack one of the two). A lit run's owner is its number in `lit`."""
    plot = height - 2
    left: Ticks = [(place, label[: width // 3]) for place, label in y.ticks(max(2, plot // 3))]
    across = width - margin_of(left) - 1
    if across < 10 or plot < 4:
        return [], 0
    far, top = 2 * across - 1, 4 * plot - 1
    pairs = list(zip(x.places(), y.places(), strict=True))
    # A dot at the very edge would hide behind the axis.
    dots: list[Dot | None] = [
        None if a is None or b is None else (2 + a * (far - 4), 2 + b * (top - 4)) for a, b in pairs
    ]
    bright = {one.index for one in lit}
    rest = [[dot] for index, dot in enumerate(dots) if dot is not None and index not in bright]
    strokes = [Stroke(AXIS, rest, "•")]
    for owner, one in enumerate(lit):
        place = dots[one.index]
        if place is not None:
            strokes.append(Stroke(owner, [[place]], one.mark))
    below = [(2 + place * (far - 4), label) for place, label in x.ticks(max(2, across // 10))]
    beside = [(2 + place * (top - 4), label) for place, label in left]
    return plotted(strokes, across, plot, below, beside), sum(dot is None for dot in dots)
