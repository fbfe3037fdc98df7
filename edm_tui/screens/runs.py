"""The Runs screen: the table, the pane that explains the run under the cursor, status line and footer."""

import time

from textual.app import ComposeResult
from textual.containers import Horizontal

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow, RunsSnapshot
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.table.memory import recall
from edm_core.table.usual import metrics_shown
from edm_tui import verbs
from edm_tui.formatting import clean
from edm_tui.messages import ActionFinished
from edm_tui.run_cells import Look
from edm_tui.screens.base import EVERYTHING
from edm_tui.screens.explaining import Explaining
from edm_tui.screens.moving import Moving
from edm_tui.screens.reading import ReadingScreen
from edm_tui.screens.run_status import status_text
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.run_detail import DetailPane
from edm_tui.widgets.run_table import RunTable
from edm_tui.widgets.status_line import StatusLine

MOST_MARKED = 1000
"""Runs of a group that are marked at once: a verb names each on a command line."""
First = RunsSnapshot | EdmError | None


class RunsScreen(ReadingScreen, Moving, Explaining):
    """`first` is what was read before the first frame: runs, the reason why there are none, or None."""

    context = "runs"

    def __init__(self, first: First = None) -> None:
        super().__init__()
        self._first = first
        self._fault = ""
        self._undoable = ""
        self._launched = ""
        self._whole = self._cut = False
        self._taken = 0.0

    def compose(self) -> ComposeResult:
        workspace = self.services.workspace
        settings, self.memory = workspace.settings, recall(workspace)
        # Kept by reference: a read may end while the screen is being taken down, its widgets first.
        self.table = RunTable(settings, id="runs")
        self.pane = DetailPane(settings, id="detail")
        self._status, self._bar = StatusLine(id="status"), KeyBar(self.context, id="keys")
        yield self._status
        with Horizontal(id="body"):
            yield self.table
            yield self.pane
        yield self._bar

    def on_mount(self) -> None:
        self.table.focus()
        if isinstance(self._first, EdmError):
            self._failed(self._first)
        elif self._first is not None:
            self.snapshot = self._first
        else:
            self.table.empty = "reading …"

    @property
    def total(self) -> int:
        return len(self.snapshot.rows) if self.snapshot is not None else 0

    def targets(self) -> tuple[RunRow, ...]:
        marked = self.table.marked()
        if marked:
            return marked
        row = self.table.row
        return () if row is None else (row,)

    # Loading ------------------------------------------------------------------

    def finished(self, message: ActionFinished) -> None:
        if message.verb == "new":
            self._launched = str(message.outcome.data.get("id", ""))

    async def read(self) -> None:
        try:
            asked, whole, self._whole = self.memory.experiment, self._whole, False
            self._cut, metrics = False, self.wanted_metrics()
            self.services.in_view = self.ids_in_view()
            snapshot = await self.services.runs(asked, metrics, whole, self._part)
            if asked != self.memory.experiment:
                # Another experiment was chosen meanwhile, and is read next.
                return
            await self.renew_answer(snapshot)
            self.snapshot = snapshot
            if set(self.wanted_metrics()) - {*metrics, *metrics_shown(self.services.workspace.settings)}:
                # Only with the runs is it known which metrics there are to show.
                self.stores_changed(EVERYTHING)
            self._undoable = await self.services.last_action()
            await self.services.branch()
        except EdmError as error:
            self._failed(error)
        else:
            self.say()
            self.read_best()

    def _part(self, snapshot: RunsSnapshot) -> bool:
        """Called from the thread that reads page by page: show what is there, unless all of it was on screen before."""
        if self.snapshot is None or self.snapshot.partial or self.snapshot.old:
            self.call_later(setattr, self, "snapshot", snapshot)
        return not self._cut

    def do_refresh(self) -> None:
        self._whole = True
        self.read_best_on()
        super().do_refresh()

    def _failed(self, error: EdmError) -> None:
        """Keep the old rows, dimmed, and say why."""
        fault = clean(f"{error.message}" + (f" ({error.hint})" if error.hint else ""))
        if fault != self._fault and self.snapshot is not None:
            # Once, and whole: the status line may have too little room for it.
            self.host.show_error(error.message, error.hint)
        self._fault = fault
        self.table.stale = True
        self.table.empty = self._fault
        self.table.repaint()
        self.say()

    def watch_snapshot(self, snapshot: RunsSnapshot | None) -> None:
        if snapshot is None:
            return
        self._fault = ""
        self.table.stale = False
        self._taken = snapshot.taken or time.time()
        self.set_rows(snapshot.rows)
        self.table.empty = "no runs yet: n starts one"
        self.show_rows()

    def show_rows(self) -> None:
        if self.snapshot is not None and self.narrowed:
            self.table.empty = clean(f"no run fits {self.narrowed.words}: esc clears")
        self.table.everywhere = self.experiment == ALL_EXPERIMENTS
        self.table.show(self.arranged(), self.memory.view, self.look_of_runs)
        self._go_to_launched()
        self.open_wanted()
        self.explain()
        self.say()
        self.look()

    @property
    def look_of_runs(self) -> Look:
        return Look(self._taken, self.baseline, self.frame.metrics)

    def _go_to_launched(self) -> None:
        """Once, when it is there: the run that was started here is the one that its user looks for."""
        here = self.frame.columns.here if self._launched else {}
        for position, known in here.items():
            if known.job is not None and known.job.id == self._launched:
                self._launched = ""
                self.table.go_to(self.frame.row_id(position))
                return

    @property
    def experiment(self) -> str | None:
        return self.memory.experiment

    # Status line and footer -----------------------------------------------------

    def say(self) -> None:
        """Bring status line and footer up to date; nothing is written where nothing changed."""
        narrow, shown = self.has_class("-narrow"), len(self.table.arrangement.runs)
        name = self.services.workspace.name
        arranged = " · ".join(filter(None, (self.arrangement_words(), self.best_words)))
        left = status_text(name, self.snapshot, shown, self.narrowed, arranged, self._fault, narrow)
        right = [*self.services.running, self.services.branch_text]
        self._status.say(left, "   ".join(filter(None, right)))
        marks = len(self.table.marked())
        lead = ["detail: esc back"] if self.opened else []
        lead += [f"{marks} marked"] if marks else []
        labels = {"undo": f"undo {clean(self._undoable)}"} if self._undoable else {}
        self._bar.update_keys(self.reason, " · ".join(lead), labels)

    def reason(self, verb: str) -> str:
        if verb == "undo" and not self._undoable:
            return "nothing to undo"
        if verb in ("mark", "open", "sort", "export") and not self.table.arrangement.lines:
            return "no run"
        if verb in ("copy", "baseline", "diff") and self.table.row is None:
            return "no run"
        group = self.table.group
        if verb == "mark" and group is not None and len(group.runs) > MOST_MARKED:
            return f"more than {MOST_MARKED:,} runs: narrow them first"
        found = super().reason(verb)
        # The data is there, but commits are only here, such as that of an undo: a push still has something to do.
        return "" if found == verbs.ON_REMOTE and "↑" in self.services.branch_text else found

    # Stepping out and moving ----------------------------------------------------

    def do_back(self) -> None:
        """Step out one layer: the detail, the filter, the marks, the baseline."""
        if self.opened:
            self.close_detail()
        elif self.narrowed:
            self.narrowed = self.narrowed.without_last()
            self.show_rows()
        elif self.table.marks:
            self.table.clear_marks()
            self.say()
        elif self.memory.baseline:
            self.end_baseline()
        elif self.reading_parts:
            self._cut = True
        else:
            self.cut_best()

    @property
    def reading_parts(self) -> bool:
        """Whether further pages of runs are on their way."""
        return self.snapshot is not None and self.snapshot.partial and self._loading

    @property
    def page_lines(self) -> int:
        return self.table.page

    def move(self, step: int) -> None:
        if self.opened:
            self.pane.scroll_lines(step)
        else:
            self.table.move(step)

    def do_left(self) -> None:
        self.table.scroll_columns(-1)
        self.look()

    def do_right(self) -> None:
        self.table.scroll_columns(1)
        self.look()

    # Choosing -----------------------------------------------------------------

    def do_mark(self) -> None:
        self.table.toggle_mark()
        self.say()

    def do_copy(self) -> None:
        """Id, path or a value of the run under the cursor to the terminal's clipboard (OSC 52)."""
        from edm_tui.screens.copying import ask_copy

        if self.table.row is not None:
            ask_copy(self.app, self.table.row, self.services.workspace)
