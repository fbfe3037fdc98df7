"""A comparison to take away: as a JSON document, and as Markdown."""

import re
from collections.abc import Mapping
from typing import Any

from edm_core.snapshots.diff import DiffEntry, RunDiff

_LONGEST = 200
"""Characters of a value in a Markdown table; the JSON document has it whole."""


def document(diff: RunDiff, everything: bool) -> dict[str, Any]:
    """Sections by name, each a mapping of key to values, deltas, verdicts and steps; equal entries only with
    `everything`."""
    sections = {
        name: {
            entry.key: _fields(entry) | ({"same": entry.same} if everything else {})
            for entry in found
            if everything or not entry.same
        }
        for name, found in diff.sections.items()
    }
    return {"runs": list(diff.names), "ids": list(diff.run_ids), **sections, "notes": dict(diff.notes)}


def from_document(told: Mapping[str, Any]) -> RunDiff:
    """The comparison of which `document` told everything."""
    sections = {
        name: tuple(_entry(key, fields) for key, fields in found.items())
        for name, found in told.items()
        if isinstance(found, dict) and name != "notes"
    }
    return RunDiff(tuple(told["ids"]), tuple(told["runs"]), sections, dict(told.get("notes", {})))


def _entry(key: str, fields: Mapping[str, Any]) -> DiffEntry:
    values, deltas = fields["values"], fields["deltas"]
    if deltas:
        # Numbers; JSON has no NaN and no infinity, so those are words.
        values, deltas = ([None if one is None else float(one) for one in listed] for listed in (values, deltas))
    return DiffEntry(
        key, tuple(values), tuple(deltas), tuple(fields["verdicts"]), bool(fields.get("same")),
        tuple(fields.get("steps", ())),
    )  # fmt: skip


def _fields(entry: DiffEntry) -> dict[str, Any]:
    found: dict[str, Any] = {
        "values": list(entry.values), "deltas": list(entry.deltas), "verdicts": list(entry.verdicts),
    }  # fmt: skip
    return found | ({"steps": list(entry.steps)} if entry.steps else {})


def markdown(diff: RunDiff, everything: bool) -> str:
    """A heading and a table for each section in which something differs; what is the same is said in a line."""
    parts = [f"# {' · '.join(map(_cell, diff.names))}", f"Baseline: {_cell(diff.names[0])}."]
    for name, found in diff.sections.items():
        entries = [entry for entry in found if everything or not entry.same]
        note = f" ({_cell(diff.notes[name])})" if name in diff.notes else ""
        if not entries:
            parts.append(f"**{name}**: {'same' if found else 'nothing'}{note}")
            continue
        lines = [f"## {name}{note}", ""]
        lines += [_row(["", *diff.names]), _row(["---", *["---:"] * len(diff.names)], escaped=False)]
        lines += [
            _row([entry.key, *(value_text(entry, index) for index in range(len(diff.names)))]) for entry in entries
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def value_text(entry: DiffEntry, index: int) -> str:
    """A run's value with its step, and what it is against the baseline: `0.0299 @48 (+0.0012 worse)`."""
    value = entry.values[index]
    text = "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    step = entry.steps[index] if index < len(entry.steps) else None
    delta = entry.deltas[index] if index < len(entry.deltas) else None
    verdict = entry.verdicts[index] if index < len(entry.verdicts) else ""
    against = " ".join(filter(None, (f"{delta:+.4g}" if delta else "", verdict)))
    return text + (f" @{step}" if step is not None else "") + (f" ({against})" if against else "")


def _row(cells: list[str], escaped: bool = True) -> str:
    return "| " + " | ".join(_cell(cell) if escaped else cell for cell in cells) + " |"


def _cell(text: str) -> str:
    """Text from outside as one Markdown cell that shows as it is written."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    short = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return re.sub(r"[\\`*{}\[\]<>#|]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", short)
