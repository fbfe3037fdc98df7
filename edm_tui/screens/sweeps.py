"""The sweeps: each with its best so far and its trials, best first."""

from collections.abc import Sequence

from rich.text import Text

from edm_core.errors import EdmError
from edm_core.jobs.folder import JobFolder, load_job
from edm_core.snapshots.runs import RunRow
from edm_core.snapshots.sweeps import SweepSnapshot, Trial
from edm_tui.formatting import number
from edm_tui.messages import ActionRequested
from edm_tui.screens.lists import ListScreen
from edm_tui.screens.reading import ReadingScreen
from edm_tui.widgets.cells import plain
from edm_tui.widgets.line_list import Line, LineList

_RUNNING = ("running", "queued")


class SweepsScreen(ListScreen, ReadingScreen):
    """Enter opens the trial's run, t its log, | all trials of the sweep side by side; W starts another sweep."""

    context = "sweeps"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.sweeps: tuple[SweepSnapshot, ...] = ()
        self._rows: dict[str, RunRow] = {}
        self._fault = ""

    async def read(self) -> None:
        from edm_core.stores.runs import load_rows
        from edm_core.sweeps.sweeps import load_sweeps

        workspace = self.services.workspace
        try:
            self.sweeps = await self.services.in_thread(load_sweeps, workspace)
            ids = [trial.run_id for sweep in self.sweeps for trial in sweep.trials if trial.run_id]
            rows = await self.services.in_thread(load_rows, workspace, ids)
        except EdmError as error:
            self._fault = f"! {error.message}"
        else:
            self._fault, self._rows = "", {row.run_id: row for row in rows}
        self._show()

    def _show(self) -> None:
        self.list.set_empty("no sweeps yet: W starts one")
        self.list.set_lines([line for sweep in self.sweeps for line in sweep_lines(sweep)])
        self.say()

    def status_text(self) -> str:
        sweep = self.sweep
        running = sum(1 for one in self.sweeps if one.state in _RUNNING)
        parts = [f"{len(self.sweeps)} sweeps", f"{running} running", best_words(sweep) if sweep else "", self._fault]
        return " · ".join(part for part in parts if part)

    # What is under the cursor -----------------------------------------------------

    @property
    def sweep(self) -> SweepSnapshot | None:
        """The sweep under the cursor, or that of the trial under it."""
        name = self.list.key.partition("/")[0]
        return next((sweep for sweep in self.sweeps if sweep.name == name), None)

    @property
    def trial(self) -> Trial | None:
        """The trial under the cursor."""
        _, _, at = self.list.key.partition("/")
        found = self.sweep
        if not at or found is None:
            return None
        return next((trial for trial in found.trials if str(trial.number) == at), None)

    def targets(self) -> tuple[RunRow, ...]:
        row = self._rows.get(self.trial.run_id) if self.trial is not None else None
        return () if row is None else (row,)

    def on_line_list_highlighted(self) -> None:
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.action_verb("open")

    # Verbs ------------------------------------------------------------------------

    def reason(self, verb: str) -> str:
        sweep = self.sweep
        if verb in ("stop", "continue_sweep", "tail", "parallel", "open") and sweep is None:
            return "no sweep"
        if verb == "stop" and sweep is not None:
            return "" if sweep.state in _RUNNING else f"the sweep is {sweep.state}"
        if verb == "continue_sweep" and sweep is not None:
            return "it runs" if sweep.state in _RUNNING else ""
        if verb == "parallel" and sweep is not None:
            return "" if self._trial_rows(sweep) else "no trial has a run yet"
        if verb in ("tail", "open"):
            return ""
        return "" if verb == "another_sweep" else super().reason(verb)

    def do_open(self) -> None:
        """The run of the trial; the log where it has none, and of a sweep."""
        if self.trial is not None and self.trial.run_id:
            self.host.show_run(self.trial.run_id)
        else:
            self.do_tail()

    def do_tail(self) -> None:
        """Follow the trial, or what the sweep says."""
        from edm_tui.screens.tail import TailScreen

        sweep, trial = self.sweep, self.trial
        job_id = trial.job_id if trial is not None else sweep.job_id if sweep is not None else ""
        folder = JobFolder(self.services.workspace.jobs_dir / job_id)
        if job_id and folder.path.exists():
            self.app.push_screen(TailScreen(self.targets(), load_job(folder)))

    def do_parallel(self) -> None:
        """All trials of the sweep side by side, the best one lit."""
        from edm_tui.screens.parallel import ParallelScreen

        sweep = self.sweep
        if sweep is not None:
            best = self._rows.get(sweep.best.run_id) if sweep.best is not None else None
            lit = () if best is None else (best,)
            self.app.push_screen(ParallelScreen(lit, self._trial_rows(sweep), sweep.metric))

    def _trial_rows(self, sweep: SweepSnapshot) -> tuple[RunRow, ...]:
        found = (self._rows.get(trial.run_id) for trial in sweep.trials)
        return tuple(row for row in found if row is not None)

    def do_stop(self) -> None:
        """Stop the sweep, after a question."""
        from edm_tui.dialogs.confirm import ConfirmDialog

        sweep = self.sweep
        if sweep is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._request(("sweep", "--stop", sweep.name), f"Stop sweep {sweep.name}")

        costs = ("Trials that run now are stopped, and made again when the sweep goes on.",)
        self.app.push_screen(ConfirmDialog(f"Stop sweep {sweep.name}?", costs, "stop"), answered)

    def do_another_sweep(self) -> None:
        """The form for a sweep."""
        self.host.open_view("sweep")

    def do_continue_sweep(self) -> None:
        """Go on with a sweep that was stopped, or whose machine was restarted."""
        if self.sweep is not None:
            self._request(("sweep", "--resume", self.sweep.name), f"Continue sweep {self.sweep.name}")

    def _request(self, argv: tuple[str, ...], title: str) -> None:
        self.app.post_message(ActionRequested("sweep", argv, "tracking", title))


def best_words(sweep: SweepSnapshot) -> str:
    """The best so far, and what it was made with."""
    best = sweep.best
    if best is None or best.value is None:
        return f"{sweep.metric}: no value yet"
    params = " ".join(f"{name}={plain(text)}" for name, text in best.params.items())
    return f"best {plain(sweep.metric)} {number(best.value)} by trial {best.number}: {params}"


def sweep_lines(sweep: SweepSnapshot) -> list[Line]:
    """The sweep, and its trials: those that run, then by their value."""
    title = Text(f"{plain(sweep.name)}", style="bold", end="")
    told = f"  {sweep.state}  {sweep.ended}/{sweep.wanted} trials  {sweep.sampler}  {best_words(sweep)}"
    title.append(plain(told + (f"  ({sweep.note})" if sweep.note else "")), style="not bold")
    sign = 1 if sweep.minimised else -1

    def order(trial: Trial) -> tuple[bool, bool, float, int]:
        return trial.state not in ("running", "waiting"), trial.value is None, sign * (trial.value or 0.0), trial.number

    best = sweep.best
    lines = [Line(title, sweep.name)]
    for trial in sorted(sweep.trials, key=order):
        mark = "★" if best is not None and trial.number == best.number else " "
        value = "–" if trial.value is None else number(trial.value)
        at = f" @{trial.step}" if trial.step is not None else ""
        params = "  ".join(f"{name}={text}" for name, text in trial.params.items())
        text = f"  {mark} {trial.number:>4}  {trial.state:8} {value:>10}{at:6} {params}  {trial.run_name}"
        lines.append(Line(Text(plain(text), end=""), f"{sweep.name}/{trial.number}"))
    return lines
