"""One model version in full: where it comes from, what it can do, how it scores and where it stood."""

from collections.abc import Iterator, Mapping

from rich.text import Text

from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import StageMove
from edm_core.snapshots.runs import DataState
from edm_tui.formatting import age, number
from edm_tui.widgets.cells import Cell, Column, layout, plain
from edm_tui.widgets.line_list import Line
from edm_tui.widgets.version_table import run_name, why

FORMATS: Mapping[str, str] = {
    "pickle": "pickle: an eager module, any length, .eval() and training; loading it runs its code",
    "pt2": "pt2: a graph without code, safe to load from strangers; inference only, no .eval() or .train()",
}
"""What a version of each format can do."""
_SHOWN = (
    "edm.run_name", "edm.run_dir", "edm.metrics", "edm.tracks", "edm.checkpoint_md5", "edm.registered_by", "edm.format",
    "edm.data_version", "edm.git_dirty", "edm.kept", "mlflow.source.git.commit",
)  # fmt: skip
_TRACKS = 5


def detail_lines(
    version: ModelVersion, state: DataState, moves: tuple[StageMove, ...], now: float, width: int,
    checks: Mapping[str, str],
) -> list[Line]:  # fmt: skip
    """The pane's lines; each has a key, so that the pane can be scrolled and a line copied."""
    found = [Text(f"{plain(version.name)} {plain(version.label)}", style="bold", end="")]
    for title, facts in (
        ("", _origin(version, state, now)), ("metrics", _metrics(version)), ("tracks", _tracks(version)),
        ("checks", _checks(checks)),
        ("moves", _moves(moves, now)), ("tags", _tags(version)),
    ):  # fmt: skip
        listed = list(facts)
        if listed:
            _, lines = layout((Column("", flex=True), Column("", flex=True)), listed, 4000)
            found += [Text(end=""), *([Text(title, style="dim", end="")] if title else [])]
            for line in lines:
                line.rstrip()
                found += _wrapped(line, max(20, width))
    return [Line(text, f"line-{at}") for at, text in enumerate(found)]


def _wrapped(line: Text, width: int) -> list[Text]:
    """The line in pieces of at most `width` cells: hashes and sources are worth nothing when they are cut."""
    pieces = []
    while line.cell_len > width:
        pieces.append(line[:width])
        line = Text("  ", end="") + line[width:]
    for text in (*pieces, line):
        text.end = ""
    return [*pieces, line]


def _origin(version: ModelVersion, state: DataState, now: float) -> Iterator[list[Cell]]:
    tags = version.tags
    if version.created_ms:
        who = tags.get("edm.registered_by", "")
        yield ["made", f"{age(now - version.created_ms / 1000)} ago" + (f" by {who}" if who else "")]
    yield ["run", run_name(version) or "none"]
    if tags.get("edm.run_dir"):
        yield ["folder", tags["edm.run_dir"] + ("" if state is DataState.NONE else f" ({state.word})")]
    if tags.get("mlflow.source.git.commit"):
        dirty = tags.get("edm.git_dirty", "").lower() == "true"
        yield ["commit", tags["mlflow.source.git.commit"][:12] + (" with uncommitted changes" if dirty else "")]
    for what, tag in (("data", "edm.data_version"), ("kept", "edm.kept"), ("checkpoint", "edm.checkpoint_md5")):
        if tags.get(tag):
            yield [what, tags[tag]]
    if tags.get("edm.format"):
        yield ["format", FORMATS.get(tags["edm.format"], tags["edm.format"])]
    yield ["load", f"models:/{version.name}/{version.version}"]
    for what, value in (("run id", version.run_id), ("source", version.source), ("about", version.description)):
        if value:
            yield [what, value]


def _metrics(version: ModelVersion) -> Iterator[list[Cell]]:
    for name, value in sorted(version.metrics.items()):
        yield [name, number(value)]


def _tracks(version: ModelVersion) -> Iterator[list[Cell]]:
    scores = sorted(version.tracks.items(), key=lambda one: one[1])
    if scores:
        mean = sum(value for _, value in scores) / len(scores)
        yield [f"{len(scores)} scored", f"{number(mean)} on average; the worst:"]
    for name, value in scores[:_TRACKS]:
        yield [name, number(value)]


def _checks(checks: Mapping[str, str]) -> Iterator[list[Cell]]:
    for name, told in checks.items():
        yield [name, told]


def _moves(moves: tuple[StageMove, ...], now: float) -> Iterator[list[Cell]]:
    for move in moves:
        told = f"{move.kind} {move.from_stage} → {move.to_stage} by {move.who}"
        yield [f"{age(now - move.at_ms / 1000)} ago", told + (f": {why(move)}" if why(move) else "")]


def _tags(version: ModelVersion) -> Iterator[list[Cell]]:
    for key, value in sorted(version.tags.items()):
        if key not in _SHOWN and not key.startswith("edm.history."):
            yield [key, value]
