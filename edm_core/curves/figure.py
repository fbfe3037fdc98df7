"""A chart as an SVG or PNG picture by matplotlib: the lines, ranges and ticks of the terminal, on white."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edm_core.curves.axes import x_ticks
from edm_core.curves.lines import Frame, Line, Path, View, x_of, x_range, y_range
from edm_core.curves.signs import BAD_SIGNS, RUN_MARKS, on_white

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = ("o", "^", "s", "D", "v", "8", "P")
"""What matplotlib calls the marks of runs."""
_FRAME = 420, 100
"""Cells of the frame: what `Frame` calls a cell holds two dots by four."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: `colours` (#rrggbb) are those of the lines."""

    title: str
    lines: tuple[Line, ...] = ()
    colours: tuple[str, ...] = ()
    view: View = field(default_factory=View)


def picture(chart: Chart, kind: Literal["svg", "png"]) -> bytes:
    """The whole file. A chart without values says so."""
    # Half a second, and only who exports pays for it.
    import matplotlib
    from matplotlib.figure import Figure

    # Text stays text, and the same chart gives the same bytes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edm"}):
        figure = Figure(figsize=(9.6, 4.8 + 0.2 * len(chart.lines)), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(_plain(chart.title), loc="left", fontweight="bold", parse_math=False)
        _draw(axes, chart)
        out = io.BytesIO()
        figure.savefig(out, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()


def _draw(axes: "Axes", chart: Chart) -> None:
    paths = [Path(line, chart.view) for line in chart.lines]
    x = chart.view.x or x_range(paths, chart.view)
    axes.spines[["top", "right"]].set_visible(False)
    if x is None:
        axes.set(xticks=[], yticks=[])
        axes.text(0.05, 0.9, "no values", transform=axes.transAxes)
        return
    y, scale = y_range(paths, chart.view, x)
    frame = Frame(0, *_FRAME, x, y, scale)
    right, top = frame.dot_of(x[1], y[1])
    axes.set(xlim=(0, right), ylim=(0, top))
    below = [(frame.dot_of(place, 0)[0], label) for place, label in x_ticks(chart.view.unit, *x, 9)]
    left = [(frame.dot_of(x[0], place)[1], label) for place, label in scale.ticks(*y, 6)]
    axes.set_xticks([place for place, _ in below], [label for _, label in below])
    axes.set_yticks([place for place, _ in left], [label for _, label in left])
    axes.grid(axis="y", color="#dddddd")
    axes.set_xlabel({"relative": "time since start", "wall": "time"}.get(chart.view.unit, chart.view.unit))
    for path, colour in zip(paths, chart.colours, strict=True):
        _curve(axes, path, frame, on_white(colour), chart.view)
    if len(paths) > 1:
        legend = axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _curve(axes: "Axes", path: Path, frame: Frame, colour: str, view: View) -> None:
    style = "--" if path.line.dashed else "-"
    if view.smooth:
        axes.plot(*_joined(path, frame, raw=True), color=colour, alpha=0.25, linewidth=1)
    label = f"{path.line.mark} {_plain(path.line.name)}"
    xs, ys = _joined(path, frame, raw=False)
    marker = dict(zip(RUN_MARKS, _MARKERS, strict=True)).get(path.line.mark, "o")
    every = max(1, len(xs) // 12)
    axes.plot(xs, ys, style, color=colour, linewidth=1.4, marker=marker, markersize=5, markevery=every, label=label)
    for step, at, value in path.history.bad:
        x = x_of(path.line, view.unit, step, at)
        if frame.x[0] <= x <= frame.x[1]:
            dots = frame.dot_of(x, frame.y[1] if value == math.inf else frame.y[0])
            axes.text(*dots, BAD_SIGNS[str(value)], color="#b33c00", ha="center", va="center")


def _joined(path: Path, frame: Frame, *, raw: bool) -> tuple[Sequence[float], Sequence[float]]:
    """All stretches as two rows of numbers, parted by NaN."""

    def dots() -> Iterator[tuple[float, float]]:
        for stretch in path.stretches(frame, raw=raw):
            yield from stretch
            yield math.nan, math.nan

    xs, ys = zip(*dots(), strict=True)
    return xs, ys


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
