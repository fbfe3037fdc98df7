"""`edm runs plot`: curves in braille characters, for terminals and pipes alike."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from edm_core.cli.output import clean

Points = Sequence[tuple[int, float]]

_FINITE = float("inf")
_COLOURS = ("blue+", "orange+", "green+", "magenta+", "cyan+", "red+", "white")
_MARKS = ("braille", "x", "o", "+", "*", "#", "@")


def braille_chart(title: str, series: Mapping[str, Points], width: int, height: int, colour: bool) -> str:
    """A chart of (step, value) series in `width` x `height` character cells; NaN and infinity leave a gap."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.title(_one_line(title))
    plotext.xlabel("step")
    for index, (name, points) in enumerate(series.items()):
        # Without colour only the mark tells one run from another.
        style = {"marker": "braille" if colour else _MARKS[index % len(_MARKS)]}
        style |= {"color": _COLOURS[index % len(_COLOURS)]} if colour else {}
        for part, segment in enumerate(segments(points)):
            label = {"label": _one_line(name)} if part == 0 else {}
            _draw(plotext, segment, {**style, **label})
    text = str(plotext.build())
    return text if colour else plotext.uncolorize(text)


def segments(points: Points) -> list[list[tuple[int, float]]]:
    """The stretches of a series without NaN and infinity."""
    grouped = groupby(points, key=lambda point: abs(point[1]) < _FINITE)
    return [list(group) for finite, group in grouped if finite]


def _one_line(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")


def _draw(plotext: Any, points: Points, style: Mapping[str, str]) -> None:
    steps, values = [step for step, _ in points], [value for _, value in points]
    if len(points) == 1:
        plotext.scatter(steps, values, **style)
    else:
        plotext.plot(steps, values, **style)
