"""What the terminal shows now, so that only the cells that differ are sent.

Textual sends each touched line from the left edge of its widget, and everything again whenever a layout may have
changed. Over SSH the difference is felt: this keeps the cells that were sent and writes runs of changed ones.
"""

from collections.abc import Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

Look = tuple[frozenset[str], str, str]
"""SGR parameters: the attributes, the foreground and the background ("" for the terminal's own)."""
PLAIN: Look = (frozenset(), "", "")
Cell = tuple[str, Look]
"""(character, look); the second cell of a wide character has the character ""."""
UNKNOWN: Cell = ("\0", PLAIN)
OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29", "21": "24"}
"""What ends an attribute."""
GAP = 5
"""Unchanged cells that are cheaper to send than to jump over."""


class Canvas:
    """The cells of the terminal as they were last written."""

    def __init__(self) -> None:
        self._lines: list[list[Cell]] = []

    def forget(self) -> None:
        """Nothing is known any more, as after a resize or a return from the shell."""
        self._lines = []

    def line(self, y: int, width: int) -> list[Cell]:
        """The cells of line `y`, which the caller may change."""
        while len(self._lines) <= y:
            self._lines.append([])
        line = self._lines[y]
        if len(line) < width:
            line.extend([UNKNOWN] * (width - len(line)))
        return line


class LeanUpdate(CompositorUpdate):
    """A compositor's update, written as the runs of cells that differ from the canvas."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, canvas: Canvas) -> None:
        self._update = update
        self._canvas = canvas
        self._rendered: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._update

    def render_segments(self, console: Console) -> str:
        """The control sequences to write, "" for none; they begin and end with a plain look."""
        if self._rendered is None:
            self._rendered = self._render(console)
        return self._rendered

    def _render(self, console: Console) -> str:
        system = console.color_system or "truecolor"
        pieces = layout_pieces(self._update) if isinstance(self._update, LayoutUpdate) else chop_pieces(self._update)
        pen = Pen()
        for y, x, strip in pieces:
            self._paint(pen, y, x, cells_of(strip, system))
        return pen.finish()

    def _paint(self, pen: "Pen", y: int, x: int, cells: list[Cell]) -> None:
        line = self._canvas.line(y, x + len(cells))
        old = line[x : x + len(cells)]
        if old == cells:
            return
        line[x : x + len(cells)] = cells
        for start, end in runs(old, cells):
            pen.write(y, x + start, cells[start:end])


class Pen:
    """Writes runs of cells and changes of look, each as short as it can be said."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._look = PLAIN

    def write(self, y: int, x: int, cells: list[Cell]) -> None:
        """Go there and write these cells."""
        self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        for character, look in cells:
            if look is not self._look and look != self._look:
                self._parts.append(change(self._look, look))
                self._look = look
            self._parts.append(character)

    def finish(self) -> str:
        """All that was written, and a plain look at the end."""
        if self._look != PLAIN:
            self._parts.append("\x1b[0m")
        return "".join(self._parts)


@lru_cache(4096)
def change(old: Look, new: Look) -> str:
    """The sequence that turns one look into another."""
    if new == old:
        return ""
    if new == PLAIN:
        return "\x1b[0m"
    ended, begun = old[0] - new[0], new[0] - old[0]
    off = {OFF.get(attribute, "0") for attribute in ended}
    if "0" in off:
        return change(PLAIN, new).replace("\x1b[", "\x1b[0;", 1)
    if off & {"22", "24"}:
        # Bold and dim end together, and so do both kinds of underline: what stays is said again.
        begun |= new[0] & {"1", "2", "4", "21"}
    codes = [*sorted(off), *sorted(begun)]
    if old[1] != new[1]:
        codes.append(new[1] or "39")
    if old[2] != new[2]:
        codes.append(new[2] or "49")
    return f"\x1b[{';'.join(codes)}m"


def layout_pieces(update: LayoutUpdate) -> Iterable[tuple[int, int, Strip]]:
    """(y, x, strip) of a whole screen."""
    for y, strips in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in strips:
            if isinstance(strip, Strip):
                yield y, x, strip
                x += strip.cell_length


def chop_pieces(update: ChopsUpdate) -> Iterable[tuple[int, int, Strip]]:
    """(y, x, strip) of the parts of lines that were touched."""
    for y, start, end in update.spans:
        for stop, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= end or stop <= start:
                continue
            first, last = max(0, start - x), min(end, stop) - x
            yield y, x + first, strip.crop(first, last)


def cells_of(strip: Strip, system: str) -> list[Cell]:
    """One entry for each terminal cell of a strip."""
    cells: list[Cell] = []
    for text, style, control in strip:
        if control:
            continue
        code = look_of(style, system) if style is not None else PLAIN
        if text.isascii() or cell_len(text) == len(text):
            cells.extend([(character, code) for character in text])
        else:
            cells.extend(_wide(text, code))
    return cells


def _wide(text: str, code: Look) -> Iterable[Cell]:
    """Cells of text in which characters take none, one or two; those that take none join the one before."""
    cells: list[Cell] = []
    for character in text:
        width = cell_len(character)
        if width == 0 and cells:
            at = len(cells) - 1 if cells[-1][0] else len(cells) - 2
            cells[at] = (cells[at][0] + character, code)
        elif width:
            cells.append((character, code))
            cells.extend([("", code)] * (width - 1))
    return cells


@lru_cache(4096)
def look_of(style: Style, system: str) -> Look:
    """What a style sets, for a terminal with these colours."""
    kind = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT}.get(system, ColorSystem.TRUECOLOR)
    colours = [
        "" if colour is None or colour.is_default else ";".join(colour.downgrade(kind).get_ansi_codes(foreground=front))
        for colour, front in ((style.color, True), (style.bgcolor, False))
    ]
    bare = Style(bold=style.bold, dim=style.dim, italic=style.italic, underline=style.underline, blink=style.blink,
                 reverse=style.reverse, conceal=style.conceal, strike=style.strike)  # fmt: skip
    rendered = bare.render("x", color_system=kind)
    attributes = rendered[2 : rendered.index("m")].split(";") if rendered.startswith("\x1b[") else []
    return frozenset(attributes), colours[0], colours[1]


def runs(old: list[Cell], new: list[Cell]) -> list[tuple[int, int]]:
    """(start, end) of the runs of cells that differ; short gaps between two are sent along."""
    found: list[tuple[int, int]] = []
    for at, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after:
            continue
        if found and at - found[-1][1] <= GAP:
            found[-1] = (found[-1][0], at + 1)
        else:
            found.append((at, at + 1))
    return [_whole(start, end, new) for start, end in found]


def _whole(start: int, end: int, cells: list[Cell]) -> tuple[int, int]:
    """The run without half of a wide character at either end."""
    while start > 0 and not cells[start][0]:
        start -= 1
    while end < len(cells) and not cells[end][0]:
        end += 1
    return start, end
