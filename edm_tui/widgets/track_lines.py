"""One track as lines: waveform energy, the reference, and each run's boundaries below one another, aligned in time."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from edm_core.snapshots.tracks import Segmentation, TrackStrip, hits
from edm_tui.formatting import fit, number
from edm_tui.widgets.cells import plain

LABEL = 18
"""Cells of the names on the left."""
ENERGY_ROWS = 4
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = " ...::|||"


@dataclass(frozen=True, slots=True)
class StripLook:
    """What of the track is in view (seconds), where the cursor stands, and each run's mark and colour."""

    start: float
    end: float
    cursor: float
    marks: tuple[tuple[str, str], ...] = ()
    ascii_only: bool = False

    def column(self, time: float, width: int) -> int:
        """The cell of a time, counted from the left edge of what is in view; may lie outside."""
        return int((time - self.start) / (self.end - self.start) * width) if self.end > self.start else 0

    def time(self, column: float, width: int) -> float:
        """The time at a cell's left edge."""
        return self.start + column * (self.end - self.start) / max(1, width)


def strip_lines(strip: TrackStrip, look: StripLook, width: int) -> list[Text]:
    """Rulers of time and bars, energy, reference, runs, and what the cursor reads. No line is wider than `width`."""
    cells = max(10, width - LABEL - 1)
    lines = [_ruler("time", _time_ticks(look, cells), cells)]
    if strip.bpm:
        lines.append(_ruler("bar", _bar_ticks(strip, look, cells), cells))
    lines += _energy(strip, look, cells)
    lines.append(_row("reference", "bold", _segments(strip.reference, look, cells, {}), look, cells))
    for index, run in enumerate(strip.runs):
        found = hits(strip.reference, run.segmentation)
        missed = [time for at, time in enumerate(strip.reference.times) if at not in found.values()]
        mark, colour = look.marks[index] if index < len(look.marks) else ("", "")
        row = _segments(
            run.segmentation, look, cells, {i: i in found for i in range(len(run.segmentation.times))}, missed
        )
        lines.append(_row(f"{mark} {run.name}".strip(), colour, row, look, cells))
    lines.append(Text("", end=""))
    return lines + [Text(fit(line, width).rstrip(), end="") for line in readings(strip, look)]


def readings(strip: TrackStrip, look: StripLook) -> list[str]:
    """What the cursor reads: seconds and bar, the labels there, and how far each run's nearest boundary is off."""
    time = look.cursor
    bar = strip.bar_at(time)
    where = f"{clock(time)}  {time:.2f} s" + (f"  bar {bar:.2f}" if bar is not None and bar >= 1 else "")
    nearest = min(strip.reference.times, key=lambda one: abs(one - time), default=None)
    lines = [f"{where}  {strip.reference.label_at(time)}".rstrip()]
    for run in strip.runs:
        found = hits(strip.reference, run.segmentation)
        times, scored = run.segmentation.times, "not scored" if run.score is None else f"F1 {number(run.score)}"
        counts = f"{len(found)} hit, {len(strip.reference.times) - len(found)} missed, {len(times) - len(found)} extra"
        said = [f"{fit(plain(run.name), LABEL)} {scored}", counts]
        if nearest is not None and times:
            off = min((one - nearest for one in times), key=abs)
            said.append(f"{off:+.2f} s off the boundary at {nearest:.2f} s")
        label = run.segmentation.label_at(time)
        lines.append(" · ".join([*said, *([f"says {label}"] if label else [])]))
    return lines


def clock(time: float) -> str:
    """Minutes and seconds: 1:05."""
    return f"{int(time) // 60}:{int(time) % 60:02d}"


def _ruler(name: str, ticks: Sequence[tuple[int, str]], cells: int) -> Text:
    row = [" "] * cells
    free = 0
    for column, label in ticks:
        if free <= column <= cells - len(label):
            row[column : column + len(label)] = label
            free = column + len(label) + 1
    return Text(f"{fit(name, LABEL)} {''.join(row)}", style="dim", end="")


def _time_ticks(look: StripLook, cells: int) -> list[tuple[int, str]]:
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300) if (look.end - look.start) / s <= cells / 9), 600)
    first = int(look.start // step) * step
    return [(look.column(at, cells), clock(at)) for at in range(first, int(look.end) + 1, step) if at >= look.start]


def _bar_ticks(strip: TrackStrip, look: StripLook, cells: int) -> list[tuple[int, str]]:
    first, last = strip.bar_at(look.start), strip.bar_at(look.end)
    if first is None or last is None or not strip.bpm:
        return []
    step = next((s for s in (1, 2, 4, 8, 16, 32, 64) if (last - first) / s <= cells / 6), 128)
    seconds = 4 * 60 / strip.bpm
    bars = range(1, int(last) + 1, step)
    return [
        (look.column((strip.downbeat or 0.0) + (bar - 1) * seconds, cells), str(bar)) for bar in bars if bar >= first
    ]


def _energy(strip: TrackStrip, look: StripLook, cells: int) -> list[Text]:
    """The loudest level of each cell's stretch, drawn in eighths of ENERGY_ROWS lines."""
    if not strip.energy:
        return []
    blocks = _ASCII_BLOCKS if look.ascii_only else _BLOCKS
    eighths = [round(level * 8 * ENERGY_ROWS) for level in _levels(strip, look, cells)]
    lines = []
    for row in range(ENERGY_ROWS):
        floor = 8 * (ENERGY_ROWS - 1 - row)
        drawn = "".join(blocks[min(8, max(0, height - floor))] for height in eighths)
        name = fit("energy" if row == ENERGY_ROWS - 1 else "", LABEL)
        lines.append(Text.assemble((name, "dim"), " ", (drawn, "$text-quiet"), end=""))
    return [_with_cursor(line, look, cells) for line in lines]


def _levels(strip: TrackStrip, look: StripLook, cells: int) -> list[float]:
    count, levels = len(strip.energy), []
    for column in range(cells):
        first = int(look.time(column, cells) / strip.duration * count)
        last = max(first + 1, int(look.time(column + 1, cells) / strip.duration * count))
        levels.append(max(strip.energy[max(0, first) : last], default=0.0))
    return levels


def _segments(
    found: Segmentation, look: StripLook, cells: int, hit: dict[int, bool], missed: Sequence[float] = ()
) -> list[tuple[str, str]]:
    """A cell each: (character, style). Boundaries that hit, that are too many and that are missing differ by sign."""
    signs = {None: "|", True: "|", False: "x"} if look.ascii_only else {None: "┃", True: "┃", False: "╳"}
    row = [(" ", "")] * cells
    edges = [0.0, *found.times]
    for index, label in enumerate(found.labels):
        start = max(0, look.column(edges[index], cells) + 1)
        end = min(cells, look.column(edges[index + 1], cells) if index + 1 < len(edges) else cells)
        for at, char in enumerate(fit(plain(label), max(0, end - start)).rstrip(), start):
            row[at] = (char, "dim")
    for time in missed:
        _put(row, look.column(time, cells), ("o" if look.ascii_only else "○", "$warning"))
    for index, time in enumerate(found.times):
        good = hit.get(index)
        _put(
            row, look.column(time, cells), (signs[good], "$error" if good is False else "$success" if good else "bold")
        )
    return row


def _put(row: list[tuple[str, str]], column: int, cell: tuple[str, str]) -> None:
    if 0 <= column < len(row):
        row[column] = cell


def _row(name: str, style: str, row: Sequence[tuple[str, str]], look: StripLook, cells: int) -> Text:
    line = Text(fit(plain(name), LABEL), style=style, end="") + Text(" ", end="")
    for char, cell_style in row:
        line.append(char, style=cell_style)
    return _with_cursor(line, look, cells)


def _with_cursor(line: Text, look: StripLook, cells: int) -> Text:
    """The cursor's cell, marked in every row."""
    column = look.column(look.cursor, cells)
    if 0 <= column < cells:
        at = LABEL + 1 + column
        if line.plain[at] == " ":
            line = line[:at] + Text("|" if look.ascii_only else "│", style="$accent", end="") + line[at + 1 :]
        else:
            line.stylize("reverse", at, at + 1)
    line.end = ""
    return line
