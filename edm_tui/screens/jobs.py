"""The jobs: running, waiting, ended."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace

from textual import work

from edm_core.errors import EdmError
from edm_core.jobs.gpus import slot_count
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import ActionRequested, StoreChanged
from edm_tui.screens.job_lines import in_turn, job_lines
from edm_tui.screens.lists import ListScreen
from edm_tui.widgets.line_list import LineList


class JobsScreen(ListScreen):
    """Enter opens the run of the job under the cursor, t tails it, x stops it; marks make stopping a batch."""

    context = "jobs"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.jobs: tuple[JobSnapshot, ...] = ()
        self._rows: dict[str, RunRow] = {}
        self._marks: dict[str, None] = {}
        self._fault = ""

    @property
    def job(self) -> JobSnapshot | None:
        """The job under the cursor."""
        return next((job for job in self.jobs if job.id == self.list.key), None)

    def chosen(self) -> tuple[JobSnapshot, ...]:
        """The marked jobs in the order in which they were marked, else the one under the cursor."""
        by_id = {job.id: job for job in self.jobs}
        marked = tuple(by_id[one] for one in self._marks if one in by_id)
        return marked or (() if self.job is None else (self.job,))

    def targets(self) -> tuple[RunRow, ...]:
        return tuple(map(self._row, self.chosen()))

    def _row(self, job: JobSnapshot) -> RunRow:
        """The job's run; a job that has made none yet is a row without one."""
        row = self._rows.get(job.run_id) if job.run_id else None
        return RunRow(run_id="", name=job.run_name or job.title, job=job) if row is None else replace(row, job=job)

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
        header, lines = job_lines(
            self.jobs, metric, time.time(), self.size.width, ascii_only=self.ascii_only, marks=self._marks
        )
        self.list.set_empty("no jobs yet: n starts one")
        self.list.set_lines(lines, header if lines else None)
        self.say()

    def status_text(self) -> str:
        slots = slot_count(self.services.workspace.settings.launch.slots, os.environ)
        here = [job for job in self.jobs if job.engine == "local"]
        running = sum(1 for job in here if job.state == "running")
        waiting = sum(1 for job in self.jobs if job.state == "queued")
        marked = f"{len(self._marks)} marked (esc clears)" if self._marks else ""
        counts = [f"{running} of {slots} slots busy", f"{waiting} waiting", f"{len(self.jobs):,} jobs"]
        return " · ".join(part for part in (*counts, marked, self._fault) if part)

    def on_resize(self) -> None:
        self._show()

    def on_line_list_highlighted(self) -> None:
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.action_verb("open")

    def copied(self) -> str:
        """The job's id."""
        return self.list.key

    # Verbs --------------------------------------------------------------------

    def reason(self, verb: str) -> str:
        job, chosen = self.job, self.chosen()
        if verb in ("tail", "open", "mark"):
            return "" if job is not None else "no job"
        if verb == "stop":
            return "" if any(one.active for one in chosen) else "no job is running"
        if verb == "hold":
            return "" if any(one.state == "queued" for one in chosen) else "not waiting"
        if verb in ("sooner", "later"):
            if job is None or job.state != "queued":
                return "not waiting"
            return "" if self._neighbour(job, verb) else f"no job waits {'before' if verb == 'sooner' else 'after'} it"
        return super().reason(verb)

    def do_mark(self) -> None:
        """Mark the job under the cursor, or take the mark away, and go on to the next."""
        if self.job is not None:
            if self.job.id in self._marks:
                del self._marks[self.job.id]
            else:
                self._marks[self.job.id] = None
            self._show()
            self.list.action_move(1)

    def do_back(self) -> None:
        """One layer: the marks, then the screen."""
        if self._marks:
            self._marks.clear()
            self._show()
        else:
            super().do_back()

    def do_open(self) -> None:
        """The run of the job, on the Runs screen; its log where it has made no run."""
        job = self.job
        if job is None:
            return
        if not job.run_id:
            self.do_tail()
            return
        self.host.show_run(job.run_id)

    def do_tail(self) -> None:
        """Follow the job under the cursor."""
        from edm_tui.screens.tail import TailScreen

        if self.job is not None:
            row = self._rows.get(self.job.run_id)
            self.app.push_screen(TailScreen(() if row is None else (row,), self.job))

    def do_stop(self) -> None:
        """Stop the jobs, after a question; waiting ones leave the queue."""
        from edm_tui.dialogs.confirm import ConfirmDialog

        jobs = [job for job in self.chosen() if job.active]
        title = f"Stop {jobs[0].run_name or jobs[0].title}" if len(jobs) == 1 else f"Stop {len(jobs)} jobs"
        argv = ("jobs", "stop", *(job.id for job in jobs))

        def answered(yes: bool | None) -> None:
            if yes:
                self._marks.clear()
                self.app.post_message(ActionRequested("stop", argv, "tracking", title))

        self.app.push_screen(ConfirmDialog(f"{title}?", tuple(map(_cost, jobs)), "stop"), answered)

    def do_hold(self) -> None:
        """Keep waiting jobs from starting; those on hold may go on."""
        waiting = [job for job in self.chosen() if job.state == "queued"]
        release = all(job.held for job in waiting)
        for job in waiting:
            if job.held == release:
                words = ("jobs", "hold", job.id, *(("--release",) if release else ()))
                self._request("hold", words, f"{'Release' if release else 'Hold'} {job.title}")

    def do_sooner(self) -> None:
        """Let the job start before the one that is ahead of it."""
        self._move("sooner")

    def do_later(self) -> None:
        """Let the job start after the one that follows it."""
        self._move("later")

    def _move(self, verb: str) -> None:
        job = self.job
        if job is not None:
            place = self._neighbour(job, verb)
            self._request(verb, ("jobs", "move", job.id, *place), f"Move {job.title}")

    def _neighbour(self, job: JobSnapshot, verb: str) -> tuple[str, ...]:
        """The option of `edm jobs move` for one place to the front or back; () where there is none."""
        waiting = [one.id for one in in_turn(self.jobs)]
        at = waiting.index(job.id)
        if verb == "sooner":
            return ("--before", waiting[at - 1]) if at else ()
        if at + 1 >= len(waiting):
            return ()
        return ("--before", waiting[at + 2]) if at + 2 < len(waiting) else ("--last",)

    def _request(self, verb: str, argv: tuple[str, ...], title: str) -> None:
        self.app.post_message(ActionRequested(verb, argv, "tracking", title))


def _cost(job: JobSnapshot) -> str:
    lost = "leaves the queue" if job.state == "queued" else "the epoch that goes on now is lost; the rest stays"
    return f"{job.run_name or job.title}: {lost}."
