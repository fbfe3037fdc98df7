"""What an opened entry of a diff shows below itself: whole values, a patch, or the curves of a metric overlaid."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from edm_core.curves.lines import Line as Curve
from edm_core.curves.lines import View
from edm_core.curves.picture import draw
from edm_core.snapshots.diff import DiffEntry
from edm_tui.formatting import NOTHING
from edm_tui.themes import ascii_mark
from edm_tui.widgets.cells import plain
from edm_tui.widgets.chart_rows import row_text
from edm_tui.widgets.line_list import Line

LONGEST = 200
"""Lines of one value that are shown."""
LONGEST_PATCH = 2_000
CHART_HEIGHT = 14
_PATCH_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "$accent"), ("+", "$success"), ("-", "$error"))


@dataclass(frozen=True, slots=True)
class Opened:
    """What was read when the entry was opened: (title, patch) pairs, or the curves of a chart with their colours."""

    patches: tuple[tuple[str, str], ...] = ()
    curves: tuple[Curve, ...] = ()
    colours: tuple[str, ...] = ()
    problem: str = ""


def opened_lines(
    names: Sequence[str], entry: DiffEntry, opened: Opened | None, key: str, width: int, ascii_only: bool
) -> list[Line]:
    """The lines below an opened entry. Those of a patch have keys of their own, so that the cursor can walk them."""
    if opened is None:
        return [Line(text) for text in _values(names, entry, width)]
    if opened.problem:
        return [Line(Text(f"    {plain(opened.problem)}", style="dim", end=""))]
    if opened.curves:
        return [Line(text) for text in _chart(opened, width, ascii_only)]
    return _patches(opened, key)


def _values(names: Sequence[str], entry: DiffEntry, width: int) -> list[Text]:
    """The whole values, below one another."""
    lines = []
    for name, value in zip(names, entry.values, strict=True):
        lines.append(Text(f"    {plain(name)}", style="dim", end=""))
        raw = NOTHING if value is None else str(value)
        pieces = [piece for line in raw.splitlines() or [""] for piece in _wrapped(plain(line), max(20, width - 8))]
        lines += [Text(f"      {piece}", end="") for piece in pieces[:LONGEST]]
        if len(pieces) > LONGEST:
            lines.append(Text(f"      … {len(pieces) - LONGEST:,} more lines", style="dim", end=""))
    return lines


def _wrapped(line: str, width: int) -> list[str]:
    return [line[start : start + width] for start in range(0, len(line), width)] or [""]


def _chart(opened: Opened, width: int, ascii_only: bool) -> list[Text]:
    legend = Text("    ", end="")
    for curve, colour in zip(opened.curves, opened.colours, strict=True):
        mark = ascii_mark(curve.mark) if ascii_only else curve.mark
        legend.append(f"{mark} {'╍' if curve.dashed else '━'} ", style=colour)
        legend.append(f"{plain(curve.name)}   ")
    rows = draw(opened.curves, View(), max(20, width - 6), CHART_HEIGHT).rows
    if not rows:
        return [Text("    no values to draw", style="dim", end="")]
    drawn = [
        row_text(row, [curve.mark for curve in opened.curves], opened.colours, ascii_only=ascii_only) for row in rows
    ]
    return [legend, *(Text("    ", end="") + line for line in drawn)]


def _patches(opened: Opened, key: str) -> list[Line]:
    lines: list[Line] = []
    for title, patch in opened.patches:
        lines.append(Line(Text(f"    {plain(title)}", style="dim", end=""), f"text:{key}:{len(lines)}"))
        listed = patch.splitlines()
        for text in listed[:LONGEST_PATCH]:
            style = next((style for start, style in _PATCH_STYLES if text.startswith(start)), "")
            # A tab would move what stands behind it in the line.
            shown = plain(text.expandtabs(4))
            lines.append(Line(Text(f"      {shown}", style=style, end=""), f"text:{key}:{len(lines)}"))
        if len(listed) > LONGEST_PATCH:
            more = f"      … {len(listed) - LONGEST_PATCH:,} more lines: edm runs diff --patch"
            lines.append(Line(Text(more, style="dim", end=""), f"text:{key}:{len(lines)}"))
    return lines or [Line(Text("    no changes", style="dim", end=""))]
