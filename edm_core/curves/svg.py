"""A chart as an SVG picture, from the same lines, ranges and ticks as in the terminal."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from edm_core.curves.axes import x_ticks
from edm_core.curves.lines import Frame, Line, Path, View, x_of, x_range, y_range
from edm_core.curves.picture import BAD_SIGNS

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960, 480, 70, 40, 40
_ACROSS, _DOWN = 420, 100
"""Cells of the frame: what `Frame` calls a cell holds two dots by four."""


def svg(title: str, lines: Sequence[Line], colours: Sequence[str], view: View) -> str:
    """The whole document. Text from outside is escaped; a chart without values says so."""
    paths = [Path(line, view) for line in lines]
    x = view.x or x_range(paths, view)
    height = _HEIGHT + 20 * len(lines)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, "start", ' font-weight="bold"'),
    ]
    if x is None:
        return "\n".join([*out, _text(_LEFT, 60, "no values"), "</svg>", ""])
    y, scale = y_range(paths, view, x)
    frame = Frame(0, _ACROSS, _DOWN, x, y, scale)
    out += _axes(frame, view)
    for faint in (True, False) if view.smooth else (False,):
        for path, colour in zip(paths, colours, strict=True):
            out += _curve(path, frame, colour, faint=faint)
    for index, (path, colour) in enumerate(zip(paths, colours, strict=True)):
        out += _bad(path, view, frame)
        sign = "– –" if path.line.dashed else "—"
        out.append(_text(_LEFT, _HEIGHT + 14 + 20 * index, f"{sign} {path.line.name}", "start", f' fill="{colour}"'))
    return "\n".join([*out, "</svg>", ""])


def _place(frame: Frame, dot_x: float, dot_y: float) -> tuple[float, float]:
    across = (_WIDTH - _LEFT - 20) / (2 * frame.width - 1)
    down = (_HEIGHT - _TOP - _BOTTOM) / (4 * frame.height - 1)
    return _LEFT + dot_x * across, _TOP + min(max(dot_y, -2000.0), 4000.0) * down


def _axes(frame: Frame, view: View) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - 20
    plot = f'<rect x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}"/>'
    yield f'<clipPath id="plot">{plot}</clipPath>'
    yield f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#555555"/>'
    for place, label in frame.scale.ticks(*frame.y, 6):
        at = bottom - (place - frame.y[0]) / (frame.y[1] - frame.y[0]) * (bottom - _TOP)
        yield f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#dddddd"/>'
        yield _text(_LEFT - 6, at + 4, label, "end")
    for x, label in x_ticks(view.unit, *frame.x, 9):
        at = _LEFT + (x - frame.x[0]) / (frame.x[1] - frame.x[0]) * (right - _LEFT)
        yield _text(at, bottom + 18, label, "middle")


def _curve(path: Path, frame: Frame, colour: str, *, faint: bool) -> Iterator[str]:
    strokes: list[str] = []
    for dot_x, low, high, middle, joined in path.samples(frame, raw=faint):
        x, y = _place(frame, dot_x, middle)
        strokes.append(f"{'L' if joined and strokes else 'M'}{x:.1f} {y:.1f}")
        if high - low > 1:
            ends = _place(frame, dot_x, low)[1], _place(frame, dot_x, high)[1]
            strokes.append(f"M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}M{x:.1f} {y:.1f}")
        elif not joined or len(path.xs) == 1:
            strokes.append("h0.1")
    dash = ' stroke-dasharray="7 5"' if path.line.dashed else ""
    opacity = ' opacity="0.25"' if faint else ""
    if strokes:
        yield (
            f'<path d="{"".join(strokes)}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linecap="round"'
            f'{dash}{opacity} clip-path="url(#plot)"/>'
        )


def _bad(path: Path, view: View, frame: Frame) -> Iterator[str]:
    for step, at, value in path.history.bad:
        x = x_of(path.line, view.unit, step, at)
        if frame.x[0] <= x <= frame.x[1]:
            dot = (x - frame.x[0]) / (frame.x[1] - frame.x[0]) * (2 * frame.width - 1)
            y = _TOP + 12 if value == math.inf else _HEIGHT - _BOTTOM - 4
            yield _text(_place(frame, dot, 0)[0], y, BAD_SIGNS[str(value)], "middle", ' fill="#b33c00"')


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(plain)}</text>'
