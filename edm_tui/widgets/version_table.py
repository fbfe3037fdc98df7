"""Model versions and their moves between stages, as lines."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from rich.text import Text

from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import StageMove, Tenure
from edm_core.snapshots.runs import DataState
from edm_core.timeline import timeline
from edm_tui.formatting import NOTHING, age, number
from edm_tui.widgets.cells import Cell, Column, laid_out, layout
from edm_tui.widgets.line_list import LazyLine, Line

MARK = "●"
STYLES = {"Production": "$success", "Staging": "$warning", "Archived": "dim"}
WIDE, WORDS = 110, 90
"""Cells from which there is room for who registered a version, and for the words of data states."""
MOVES = (
    Column("when", right=True), Column("version", right=True), Column("what"), Column("from"), Column("to"),
    Column("who", flex=True), Column("why", flex=True),
)  # fmt: skip
Part = tuple[Column, Callable[[ModelVersion], Cell]]


def version_key(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}"


def version_lines(
    versions: Sequence[ModelVersion],
    states: Mapping[str, DataState],
    metric: str,
    now: float,
    width: int,
    *,
    marks: Collection[str] = (),
    ascii_only: bool = False,
) -> tuple[Text, list[LazyLine]]:
    """The header, and a line for each version, made when it is drawn; `states` and `marks` are by version key."""
    many = len({version.name for version in versions}) > 1

    def data(version: ModelVersion) -> str:
        state = states.get(version_key(version), DataState.NONE)
        symbol = state.ascii_symbol if ascii_only else state.symbol
        return "" if state is DataState.NONE else f"{symbol} {state.word}" if width >= WORDS else symbol

    parts: list[Part] = [
        (Column("", 1), lambda version: MARK if version_key(version) in marks else " "),
        (Column("model", flex=True), lambda version: version.name),
        (Column("version", right=True), lambda version: f"v{version.version}"),
        (Column("stage"), lambda version: Text(version.stage, style=STYLES.get(version.stage, ""))),
        (Column("aliases", flex=True), lambda version: " ".join(version.aliases)),
        (Column("run", flex=True), run_name),
        (Column("data"), data),
        (Column(metric, right=True), lambda version: metric_text(version, metric)),
        (Column("age", right=True), lambda version: age(now - version.created_ms / 1000)),
        (Column("who", flex=True), lambda version: version.tags.get("edm.registered_by", "")),
    ]
    hidden = {"who"} if width < WIDE else set()
    hidden |= {"model"} if width < WORDS and not many else set()
    parts = [part for part in parts if part[0].title not in hidden]
    rows = [[cell(version) for _, cell in parts] for version in versions]
    header, line = laid_out([column for column, _ in parts], rows, width)
    return header, [LazyLine(partial(line, at), version_key(version)) for at, version in enumerate(versions)]


def run_name(version: ModelVersion) -> str:
    """The name of the version's run as it was registered, else the beginning of the run's id."""
    return version.tags.get("edm.run_name") or version.run_id[:8]


def metric_text(version: ModelVersion, metric: str) -> str:
    """The metric that the version carries, – for one that another tool registered."""
    value = version.metrics.get(metric)
    return NOTHING if value is None else number(value)


def history_lines(moves: Sequence[StageMove], tenures: Sequence[Tenure], now: float, width: int) -> list[Line]:
    """The timeline of Production, and who moved which version where, when and why, newest first."""
    bar, ages = timeline(tenures, int(now * 1000), width - len("Production  "))
    lines = [Line(Text(f"Production  {bar}", end="")), Line(Text(f"{'':12}{ages}", style="dim", end=""))] if bar else []
    if moves:
        header, texts = layout(MOVES, [_move_cells(move, now) for move in moves], width)
        header.stylize("bold")
        lines += [Line(header), *(Line(text, move.id) for move, text in zip(moves, texts, strict=True))]
    return lines


def _move_cells(move: StageMove, now: float) -> list[Cell]:
    return [
        age(now - move.at_ms / 1000), f"v{move.version}", move.kind, move.from_stage, move.to_stage, move.who,
        why(move),
    ]  # fmt: skip


def why(move: StageMove) -> str:
    """The reason of a move, and which gates it overrode."""
    failed = ", ".join(gate.gate for gate in move.gates if not gate.passed)
    return f"overrode {failed}: {move.reason}" if failed else move.reason
