"""What differs between runs, as lines: sections that fold, a column for each run, better and worse by sign and word."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from edm_core.snapshots.diff import DiffEntry, RunDiff
from edm_tui.formatting import NOTHING, number
from edm_tui.widgets.cells import Cell, Column, cut, layout, plain
from edm_tui.widgets.diff_opened import Opened, opened_lines
from edm_tui.widgets.line_list import Line

_STYLES = {"better": "$success", "worse": "$error", "added": "$success", "removed": "$error"}


@dataclass(frozen=True, slots=True)
class DiffLook:
    """What is folded, what is opened (and what was read for it), and whether the same is shown too."""

    folded: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    read: Mapping[str, Opened] = field(default_factory=dict)
    show_same: bool = False
    ascii_only: bool = False


def section_key(section: str) -> str:
    return f"section:{section}"


def entry_key(section: str, key: str) -> str:
    return f"entry:{section}:{key}"


def diff_lines(diff: RunDiff, look: DiffLook, width: int) -> tuple[Text, list[Line]]:
    """The header with the runs' names, and the lines below it. Columns line up across sections."""
    shown = {name: visible_entries(diff, name, look) for name in diff.sections}
    widest = max(16, min(40, (width - 30) // len(diff.names) - 14))
    cells = [_cells(entry, len(diff.names), widest) for name in diff.sections for entry in shown[name]]
    header, texts = layout(_columns(diff), cells, width)
    lines: list[Line] = []
    rest = iter(texts)
    for name in diff.sections:
        lines.append(Line(section_head(diff, name, look), section_key(name)))
        for entry in shown[name]:
            key = entry_key(name, entry.key)
            lines.append(Line(next(rest), key))
            if key in look.opened:
                lines += opened_lines(diff.names, entry, look.read.get(key), key, width, look.ascii_only)
    return header, lines


def visible_entries(diff: RunDiff, section: str, look: DiffLook) -> list[DiffEntry]:
    """The entries of a section that are shown: none while it is folded, all or only those that differ."""
    if section in look.folded:
        return []
    return [entry for entry in diff.sections.get(section, ()) if look.show_same or not entry.same]


def section_head(diff: RunDiff, section: str, look: DiffLook) -> Text:
    """`▾ metrics   6 of 6 differ`, and why it is empty or partial where that is known."""
    entries = diff.sections.get(section, ())
    differ = sum(1 for entry in entries if not entry.same)
    marks = ("+", "-") if look.ascii_only else ("▸", "▾")
    text = Text(f"{marks[section not in look.folded]} {section:<12}", style="bold", end="")
    if differ:
        text.append(f" {differ:,} of {len(entries):,} differ", style="not bold")
        text.append(_balance(diff, entries), style="not bold")
    else:
        text.append(f" same ({len(entries):,})" if entries else " nothing", style="not bold dim")
    if section in diff.notes:
        text.append(f"   {plain(diff.notes[section])}", style="not bold dim")
    return text


def _balance(diff: RunDiff, entries: Sequence[DiffEntry]) -> str:
    """How many are better and worse, of two runs."""
    if len(diff.names) != 2:
        return ""
    words = [verdict for entry in entries for verdict in entry.verdicts]
    better, worse = words.count("better"), words.count("worse")
    return f"   {better:,} better, {worse:,} worse" if better or worse else ""


def summary(diff: RunDiff) -> str:
    """`1 of 9 params, 6 of 6 metrics differ`."""
    parts = []
    for name in ("version", "recorded", "params", "metrics"):
        entries = diff.sections.get(name, ())
        if entries:
            parts.append(f"{sum(1 for entry in entries if not entry.same):,} of {len(entries):,} {name}")
    return f"{', '.join(parts)} differ" if parts else "nothing to compare"


def _columns(diff: RunDiff) -> list[Column]:
    columns = [Column("", flex=True), Column(f"{cut(plain(diff.names[0]), 32)} (baseline)", right=True, flex=True)]
    for name in diff.names[1:]:
        columns += [Column(cut(plain(name), 32), right=True, flex=True), Column("", right=True), Column("")]
    return columns


def _cells(entry: DiffEntry, runs: int, widest: int) -> list[Cell]:
    values = [cut(plain(value_text(value, measured=bool(entry.deltas))), widest) for value in entry.values]
    for index, step in enumerate(entry.steps):
        if step is not None and entry.values[index] is not None:
            values[index] += f" @{step}"
    cells: list[Cell] = [f"  {entry.key}", values[0]]
    for index in range(1, runs):
        delta = entry.deltas[index] if index < len(entry.deltas) else None
        verdict = entry.verdicts[index] if index < len(entry.verdicts) else ""
        style = _STYLES.get(verdict, "")
        change = "" if delta is None or entry.same else signed(delta)
        cells += [values[index], Text(change, style=style), Text(verdict, style=style)]
    return [_dimmed(cell) for cell in cells] if entry.same else cells


def _dimmed(cell: Cell) -> Text:
    return Text(plain(cell), style="dim") if isinstance(cell, str) else cell


def signed(delta: float) -> str:
    """+0.0123 or −0.0123."""
    shown = number(abs(delta))
    return f"{'−' if delta < 0 else '+'}{shown}"


def value_text(value: Any, *, measured: bool) -> str:
    """A value on one line; a measured number with its digits aligned, a given one as short as it was given."""
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return number(value) if measured else f"{value:g}"
    lines = str(value).splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} … {len(lines)} lines"


def quiet_sections(diff: RunDiff) -> Collection[str]:
    """Sections in which nothing differs: folded at first."""
    return [name for name in diff.sections if all(entry.same for entry in diff.sections.get(name, ()))]
