"""The jobs: running, waiting, ended."""

import os
import time
from collections.abc import Sequence

from rich.text import Text
from textual import work

from edm_core.errors import EdmError
from edm_core.jobs.gpus import slot_count
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import age, duration, number
from edm_tui.messages import ActionRequested, StoreChanged
from edm_tui.screens.lists import ListScreen
from edm_tui.screens.tail_header import bar
from edm_tui.widgets.cells import Cell, Column, layout
from edm_tui.widgets.line_list import Line, LineList

GROUPS = (("running", ("running",)), ("waiting", ("queued",)), ("ended", ("done", "failed", "stopped", "lost")))
COLUMNS = (
    Column("job", flex=True), Column("state"), Column("progress"), Column("ETA", right=True),
    Column("since", right=True), Column("took", right=True), Column("last metric", right=True),
    Column("note", flex=True),
)  # fmt: skip


class JobsScreen(ListScreen):
    """Enter (or t) tails the job under the cursor, x stops it."""

    context = "jobs"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.jobs: tuple[JobSnapshot, ...] = ()
        self._rows: dict[str, RunRow] = {}
        self._fault = ""

    @property
    def job(self) -> JobSnapshot | None:
        """The job under the cursor."""
        return next((job for job in self.jobs if job.id == self.list.key), None)

    def targets(self) -> tuple[RunRow, ...]:
        job = self.job
        row = self._rows.get(job.run_id) if job is not None else None
        return () if row is None else (row,)

    def stores_changed(self, message: StoreChanged) -> None:
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        from edm_core.stores.runs import load_rows

        try:
            self.jobs = await self.services.jobs()
            ids = [job.run_id for job in self.jobs if job.run_id]
            rows = await self.services.in_thread(load_rows, self.services.workspace, ids)
        except EdmError as error:
            self._fault = f"! {error.message}"
        else:
            self._fault, self._rows = "", {row.run_id: row for row in rows}
        self._show()

    def _show(self) -> None:
        metric = self.services.workspace.settings.metrics.primary
        header, lines = job_lines(self.jobs, metric, time.time(), self.size.width, ascii_only=self.ascii_only)
        self.list.set_empty("no jobs yet: n starts one")
        self.list.set_lines(lines, header if lines else None)
        self.say()

    def status_text(self) -> str:
        slots = slot_count(self.services.workspace.settings.launch.slots, os.environ)
        running = sum(1 for job in self.jobs if job.state == "running")
        waiting = sum(1 for job in self.jobs if job.state == "queued")
        parts = [f"{running} of {slots} slots busy", f"{waiting} waiting", f"{len(self.jobs):,} jobs", self._fault]
        return " · ".join(part for part in parts if part)

    def on_resize(self) -> None:
        self._show()

    def on_line_list_highlighted(self) -> None:
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.do_tail()

    def copied(self) -> str:
        """The job's id."""
        return self.list.key

    # Verbs --------------------------------------------------------------------

    def reason(self, verb: str) -> str:
        if verb in ("tail", "open"):
            return "" if self.job is not None else "no job"
        if verb == "stop":
            return "" if self.job is not None and self.job.active else "no job is running"
        return super().reason(verb)

    def do_tail(self) -> None:
        """Follow the job under the cursor."""
        from edm_tui.screens.tail import TailScreen

        if self.job is not None:
            self.app.push_screen(TailScreen(self.targets(), self.job))

    def do_stop(self) -> None:
        """Stop the job under the cursor, after a question."""
        from edm_tui.dialogs.confirm import ConfirmDialog

        job = self.job
        if job is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                argv = ("jobs", "stop", job.id)
                self.app.post_message(ActionRequested("stop", argv, "tracking", f"Stop {job.title}"))

        costs = (
            "It leaves the queue." if job.state == "queued" else "The epoch that goes on now is lost; the rest stays."
        )
        self.app.push_screen(ConfirmDialog(f"Stop {job.title}?", (costs,), "stop"), answered)


def job_lines(
    jobs: Sequence[JobSnapshot], metric: str, now: float, width: int, *, ascii_only: bool
) -> tuple[Text, list[Line]]:
    """The header, and a heading and the jobs of each group; waiting jobs in the order in which they came."""
    grouped = [(title, [job for job in jobs if job.state in states]) for title, states in GROUPS]
    grouped = [(title, found[::-1] if title == "waiting" else found) for title, found in grouped if found]
    cells = [_cells(job, metric, now, ascii_only) for _, found in grouped for job in found]
    columns = [column for column in COLUMNS if width >= 110 or column.title not in ("took", "ETA", "last metric")]
    wanted = [index for index, column in enumerate(COLUMNS) if column in columns]
    header, texts = layout(columns, [[row[index] for index in wanted] for row in cells], width)
    rest = iter(texts)
    lines: list[Line] = []
    for title, found in grouped:
        lines.append(Line(Text(f"{title} ({len(found)})", style="bold", end="")))
        lines += [Line(next(rest), job.id) for job in found]
    return header, lines


def _cells(job: JobSnapshot, metric: str, now: float, ascii_only: bool) -> list[Cell]:
    progress = job.progress
    epochs = f"{bar(progress, 8, ascii_only)} {progress.epoch}/{progress.epochs}" if progress.epochs else ""
    eta = job.eta_seconds(progress.at)
    value = progress.metrics.get(metric)
    took = "" if job.started is None else duration((job.ended or progress.at or now) - job.started)
    state = "on hold" if job.held else job.state
    failed = job.state in ("failed", "lost")
    code = f" {job.exit_code}" if job.state == "failed" and job.exit_code is not None else ""
    return [
        f"  {job.run_name or job.title}",
        Text(f"{state}{code}", style="$error" if failed else ""),
        epochs,
        "" if eta is None else duration(eta),
        age(now - (job.ended or job.started or job.created)),
        took,
        "" if value is None else f"{metric} {number(value)}",
        job.note,
    ]
