"""The lines of the Jobs screen: running, waiting, ended."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from edm_core.snapshots.jobs import JobSnapshot
from edm_tui.formatting import age, duration, number
from edm_tui.screens.tail_header import bar
from edm_tui.themes import run_colour, run_mark
from edm_tui.widgets.cells import Cell, Column, layout, plain
from edm_tui.widgets.line_list import Line

GROUPS = (("running", ("running",)), ("waiting", ("queued",)), ("ended", ("done", "failed", "stopped", "lost")))
COLUMNS = (
    Column("  job"), Column("state"), Column("progress"), Column("ETA", right=True),
    Column("since", right=True), Column("took", right=True), Column("last metric", right=True), Column("where"),
    Column("note", flex=True),
)  # fmt: skip
NAME_CELLS = 30
WIDE_ONLY = ("took", "ETA", "last metric", "where")


def in_turn(jobs: Sequence[JobSnapshot]) -> list[JobSnapshot]:
    """The waiting jobs in the order in which they start."""
    return sorted((job for job in jobs if job.state == "queued"), key=lambda job: (job.rank, job.id))


def _in_our_queue(jobs: Sequence[JobSnapshot]) -> list[JobSnapshot]:
    """Those that wait for a slot of this machine."""
    return [job for job in in_turn(jobs) if not job.held and job.engine == "local"]


def job_lines(
    jobs: Sequence[JobSnapshot],
    metric: str,
    now: float,
    width: int,
    *,
    ascii_only: bool,
    marks: Collection[str] = (),
) -> tuple[Text, list[Line]]:
    """The header, and a heading and the jobs of each group; waiting jobs in the order of their turn."""
    grouped = [(title, [job for job in jobs if job.state in states]) for title, states in GROUPS]
    grouped = [(title, in_turn(found) if title == "waiting" else found) for title, found in grouped if found]
    turns = {job.id: place for place, job in enumerate(_in_our_queue(jobs), 1)}
    cells = [_cells(job, metric, now, ascii_only, turns, marks) for _, found in grouped for job in found]
    filled = [any(str(row[index]) for row in cells) for index in range(len(COLUMNS))]
    wanted = [
        index for index, column in enumerate(COLUMNS)
        if (width >= 110 or column.title not in WIDE_ONLY) and (filled[index] or column.title != "where")
    ]  # fmt: skip
    shown = [[row[index] for index in wanted] for row in cells]
    columns = [COLUMNS[index] for index in wanted]
    # Which job it is matters more than what is noted of it.
    columns[0] = replace(columns[0], width=min(NAME_CELLS, max((_cells_of(row[0]) for row in shown), default=8)))
    header, texts = layout(columns, shown, width)
    rest = iter(texts)
    lines: list[Line] = []
    for title, found in grouped:
        lines.append(Line(Text(f"{title} ({len(found)})", style="bold", end="")))
        lines += [Line(next(rest), job.id) for job in found]
    return header, lines


def state_words(job: JobSnapshot, now: float, turn: int = 0) -> str:
    """The state in a few words: `running`, `silent 14m`, `on hold`, `2nd in line`, `failed 3`."""
    if job.state == "queued":
        return "on hold" if job.held else f"waits, {turn}." if turn else "waits"
    silent = job.silent_minutes(now)
    if silent:
        return f"silent {age(silent * 60)}"
    code = f" {job.exit_code}" if job.state == "failed" and job.exit_code is not None else ""
    return f"{job.state}{code}"


def _cells(
    job: JobSnapshot, metric: str, now: float, ascii_only: bool, turns: dict[str, int], marks: Collection[str]
) -> list[Cell]:
    progress = job.progress
    epochs = f"{bar(progress, 8, ascii_only)} {progress.epoch}/{progress.epochs}" if progress.epochs else ""
    epochs = epochs or (f"epoch {progress.epoch}" if progress.epoch else "")
    eta = job.eta_seconds(progress.at)
    value = progress.metrics.get(metric)
    took = "" if job.started is None else duration((job.ended or progress.at or now) - job.started)
    bad = job.state in ("failed", "lost")
    warned = "; ".join(filter(None, (*(alarm.text for alarm in job.alarms), job.note)))
    note = Text(f"! {plain(warned)}" if job.alarms else plain(warned), style="$warning" if job.alarms else "", end="")
    return [
        _name(job, marks),
        Text(state_words(job, now, turns.get(job.id, 0)), style="$error" if bad else "", end=""),
        epochs,
        "" if eta is None else duration(eta),
        age(now - (job.ended or job.started or job.created)),
        took,
        "" if value is None else f"{metric} {number(value)}",
        job.there.words(now, job.active) or job.place,
        note,
    ]


def _cells_of(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def _name(job: JobSnapshot, marks: Collection[str]) -> Text:
    name = Text(end="")
    if job.id in marks:
        key = job.run_id or job.id
        name.append(run_mark(key), style=Style(color=run_colour(key)))
        name.append(" ")
    else:
        name.append("  ")
    return name.append(plain(job.run_name or job.title))
