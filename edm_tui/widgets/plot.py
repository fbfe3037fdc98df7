"""A line chart as lines of text, drawn by plotext. Knows nothing of a screen."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

Point = tuple[float, float]
Rgb = tuple[int, int, int]

_TO_ASCII = str.maketrans("─│┌┐└┘├┤┬┴┼", "-|++++++++|")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: points by x; a point whose y is no number leaves a gap.

    `dashed` tells it from the others without colour; `color` is a theme variable.
    """

    name: str
    points: tuple[Point, ...]
    dashed: bool = False
    color: str = "$primary"


def draw(
    series: Sequence[Series], colors: Sequence[Rgb | None], width: int, height: int, ascii_only: bool
) -> list[Text]:
    """`height` lines, `width` cells each; no lines where there is nothing to draw or no room."""
    finite = [x for line in series for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
    if not finite or width < 16 or height < 4:
        return []
    # Imported here: only who opens a chart pays for it.
    from textual_plotext.plot import Plot

    plot = Plot()
    plot._set_size(width, height)
    plot.plotsize(width, height)
    plot.theme("clear")
    plot.xaxes(True, False)
    plot.yaxes(True, False)
    plot.xticks(_whole_ticks(min(finite), max(finite), max(2, width // 12)))
    for index, (line, color) in enumerate(zip(series, colors, strict=True)):
        marker = "*o+x"[index % 4] if ascii_only else "braille"
        for segment in segments(line.points):
            xs, ys = zip(*_pixels(segment, 2 * width, min(finite), max(finite), line.dashed), strict=True)
            scatter = line.dashed or len(segment) == 1
            (plot.scatter if scatter else plot.plot)(list(xs), list(ys), marker=marker, color=color or "default")
    text = plot.build()
    text = text.translate(_TO_ASCII) if ascii_only else text
    return [Text.from_ansi(line, end="") for line in text.splitlines()[:height]]


def segments(points: Sequence[Point]) -> list[list[Point]]:
    """The stretches between points that are no numbers."""
    found: list[list[Point]] = [[]]
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]


def _pixels(points: list[Point], columns: int, low: float, high: float, dashed: bool) -> list[Point]:
    if len(points) > 4 * columns:
        points = extremes(points, columns)
    if not dashed or len(points) < 2 or high <= low:
        return points
    step = (high - low) / columns
    dashes = [points[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        for count in range(math.ceil(x0 / step), math.floor(x1 / step) + 1):
            if count % 8 < 5:
                x = count * step
                dashes.append((x, y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else y1))
    return [*dashes, points[-1]]


def extremes(points: Sequence[Point], columns: int) -> list[Point]:
    """The lowest and the highest point of each of `columns` stretches along x, so that no spike is lost."""
    low, high = points[0][0], points[-1][0]
    width = (high - low) / columns or 1.0
    buckets: dict[int, list[Point]] = {}
    for point in points:
        buckets.setdefault(int((point[0] - low) / width), []).append(point)
    kept = []
    for bucket in buckets.values():
        kept += sorted({min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])})
    return kept


def _whole_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` + 1 whole numbers from `low` to `high`; the ends themselves where less than two lie between."""
    first, last = math.ceil(low), math.floor(high)
    if last - first < 1:
        return [low, high]
    size = 1
    while (last - first) / size > count:
        size = size * 2 if str(size)[0] in "15" else size // 2 * 5
    return [float(tick) for tick in range(-(-first // size) * size, last + 1, size)]
