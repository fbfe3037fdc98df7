"""Model versions and their moves between stages, as lines."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import StageMove
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import NOTHING, age, number
from edm_tui.widgets.cells import Cell, Column, layout, plain
from edm_tui.widgets.line_list import Line

VERSIONS = (
    Column("model", flex=True), Column("version", right=True), Column("stage"), Column("aliases", flex=True),
    Column("run", flex=True), Column("", right=True), Column("data"), Column("age", right=True),
)  # fmt: skip
MOVES = (
    Column("when", right=True), Column("version", right=True), Column("what"), Column("from"), Column("to"),
    Column("who", flex=True), Column("why", flex=True),
)  # fmt: skip
_NOT_SHOWN = ("edm.history.", "edm.metrics", "edm.tracks")
_STYLES = {"Production": "$success", "Staging": "$warning", "Archived": "dim"}


def version_key(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}"


def version_lines(
    versions: Sequence[ModelVersion],
    rows: Mapping[str, RunRow],
    metric: str,
    now: float,
    width: int,
    *,
    opened: frozenset[str] = frozenset(),
    ascii_only: bool,
) -> tuple[Text, list[Line]]:
    """The header, and a line for each version; `rows` has the runs by id, as far as they are known.

    Below a version whose key is in `opened` stands where it comes from.
    """
    columns = [Column(metric, right=True) if not column.title else column for column in VERSIONS]
    cells = [_version_cells(version, rows.get(version.run_id), metric, now, ascii_only) for version in versions]
    header, texts = layout(columns, cells, width)
    lines: list[Line] = []
    for version, text in zip(versions, texts, strict=True):
        lines.append(Line(text, version_key(version)))
        if version_key(version) in opened:
            lines += [Line(Text(f"      {plain(fact)}", style="dim", end="")) for fact in origin(version)]
    return header, lines


def origin(version: ModelVersion) -> list[str]:
    """Where a version comes from: its run, its source and what its tags tell, without its history."""
    facts = [("run id", version.run_id), ("source", version.source), ("description", version.description)]
    facts += [(key, value) for key, value in sorted(version.tags.items()) if not key.startswith(_NOT_SHOWN)]
    return [f"{what}: {value}" for what, value in facts if value]


def _version_cells(version: ModelVersion, row: RunRow | None, metric: str, now: float, ascii_only: bool) -> list[Cell]:
    summary = row.metrics.get(metric) if row is not None else None
    best = None if summary is None else summary.best if summary.best is not None else summary.last
    state = row.data_state if row is not None else None
    symbol = "" if state is None else f"{state.ascii_symbol if ascii_only else state.symbol} {state.word}"
    return [
        version.name,
        f"v{version.version}",
        Text(version.stage, style=_STYLES.get(version.stage, "")),
        " ".join(version.aliases),
        row.name if row is not None else version.tags.get("edm.run_name", version.run_id[:8]),
        NOTHING if best is None else number(best),
        symbol,
        age(now - version.created_ms / 1000),
    ]


def history_lines(moves: Sequence[StageMove], now: float, width: int) -> tuple[Text, list[Line]]:
    """Who moved which version where, when and why, newest first."""
    header, texts = layout(MOVES, [_move_cells(move, now) for move in moves], width)
    return header, [Line(text, move.id) for move, text in zip(moves, texts, strict=True)]


def _move_cells(move: StageMove, now: float) -> list[Cell]:
    overrode = "overrode a failing gate: " if move.overrode else ""
    return [
        age(now - move.at_ms / 1000), f"v{move.version}", move.kind, move.from_stage, move.to_stage, move.who,
        f"{overrode}{move.reason}",
    ]  # fmt: skip
