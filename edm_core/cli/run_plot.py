"""`edm runs plot`: curves in braille characters, for terminals and pipes alike, drawn as on the Charts screen."""

from collections.abc import Mapping, Sequence

from edm_core.cli.output import clean
from edm_core.curves.history import from_points
from edm_core.curves.lines import Line, View
from edm_core.curves.picture import draw
from edm_core.curves.plotted import ALARM, Cell, runs

Points = Sequence[tuple[int, float]]

_COLOURS = ("94", "33", "32", "95", "36", "91", "37")
_MARKS = "●▲■◆▼◉✚"


def braille_chart(
    title: str,
    series: Mapping[str, Points],
    width: int,
    height: int,
    colour: bool,
    *,
    log: bool = False,
    smooth: float = 0.0,
) -> str:
    """A chart of (step, value) series in `width` x `height` character cells; NaN and infinity leave a gap and a mark.

    Each series has a mark on its line, so that colour is never the only sign.
    """
    lines = [
        Line(_one_line(name), from_points([(step, 0, value) for step, value in points]), _MARKS[at % len(_MARKS)])
        for at, (name, points) in enumerate(series.items())
    ]
    legend = [_painted(f"{line.mark} {line.name}"[:width], at, colour) for at, line in enumerate(lines)]
    rows = draw(lines, View(log=log, smooth=smooth), width, max(4, height - 1 - len(lines))).rows
    return "\n".join([_one_line(title)[:width], *legend, *(_row(row, colour) for row in rows)])


def _row(row: Sequence[Cell], colour: bool) -> str:
    return "".join(_painted(text, owner, colour) for text, owner, _ in runs(row))


def _painted(text: str, owner: int, colour: bool) -> str:
    if not colour or (owner < 0 and owner != ALARM):
        return text
    code = "1" if owner == ALARM else _COLOURS[owner % len(_COLOURS)]
    return f"\x1b[{code}m{text}\x1b[0m"


def _one_line(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")
