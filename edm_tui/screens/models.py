"""The model versions, a pane that explains the one under the cursor, and below them Production's history."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import DataState, RunRow
from edm_tui.messages import FilterChanged
from edm_tui.screens.lists import ListScreen
from edm_tui.screens.model_verbs import ModelVerbs
from edm_tui.screens.reading import ReadingScreen
from edm_tui.screens.version_filter import VersionFilter
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.status_line import StatusLine
from edm_tui.widgets.version_detail import detail_lines
from edm_tui.widgets.version_table import history_lines, version_key, version_lines

FIRST = 100
"""Versions that are shown before all of a large registry have been read."""
ROW_AFTER = 0.1
"""Seconds that the cursor rests on a version before its run is read."""
NARROW = 110
"""Cells below which the detail does not stand beside the list but takes its place."""


class ModelsScreen(VersionFilter, ModelVerbs, ReadingScreen, ListScreen):
    """Verbs on runs mean the runs of the marked versions, else of the one under the cursor."""

    context = "models"
    CSS_PATH = "../styles/models.tcss"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.versions: tuple[ModelVersion, ...] = ()
        self.marks: list[str] = []
        self._states: Mapping[str, DataState] = {}
        self._rows: dict[str, RunRow | None] = {}
        self._fault = ""
        self._astray: list[str] = []
        self._below: tuple[str, int] = ("", 0)
        self._partly = False
        self._now = time.time()

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with Horizontal(id="body"):
            yield LineList(id="list", empty="reading …")
            yield LineList(id="detail")
        yield LineList(id="history", empty="no version has been moved yet")
        yield KeyBar(self.context, id="keys")

    @property
    def list(self) -> LineList:
        """What the moving keys move: the detail while it is open."""
        return self.query_one("#detail" if self.has_class("-open") else "#list", LineList)

    @property
    def version(self) -> ModelVersion | None:
        """The version under the cursor."""
        key = self.query_one("#list", LineList).key
        return next((version for version in self.versions if version_key(version) == key), None)

    @property
    def chosen(self) -> tuple[ModelVersion, ...]:
        """The marked versions in the order of their marks, else the one under the cursor."""
        if self.marks:
            known = {version_key(version): version for version in self.versions}
            return tuple(known[key] for key in self.marks if key in known)
        return () if self.version is None else (self.version,)

    def targets(self) -> tuple[RunRow, ...]:
        rows = {version.run_id: self._rows.get(version.run_id) for version in self.chosen}
        return tuple(row for row in rows.values() if row is not None)

    # Loading ------------------------------------------------------------------

    async def read(self) -> None:
        try:
            if not self.versions:
                await self._take(await self.services.models(FIRST))
            await self._take(await self.services.models())
        except EdmError as error:
            self._fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
            self.query_one("#list", LineList).set_empty(self._fault)
            self.say()
            return
        self._rows.clear()
        self._read_rows()

    async def _take(self, versions: tuple[ModelVersion, ...]) -> None:
        from edm_core.actions.stages import misplaced_aliases
        from edm_core.stores.version_states import version_states

        states = await self.services.in_thread(version_states, self.services.workspace, versions)
        if not self.is_attached:
            return
        self._partly = len(versions) == FIRST and not self.versions
        self.versions, self._fault, self._now = versions, "", time.time()
        self._states = {version_key(version): state for version, state in zip(versions, states, strict=True)}
        self.forget_moves()
        self._below = ("", 0)
        self._astray = [
            f"@{alias} is not v{number}: `edm doctor --fix`"
            for siblings in self.by_model.values()
            for alias, number in misplaced_aliases(siblings).items()
        ]
        there = set(self._states)
        self.marks = [key for key in self.marks if key in there or self._partly]
        self._show()

    @work(exclusive=True, group="rows")
    async def _read_rows(self) -> None:
        """The runs that a verb would mean, read when the cursor rests: of thousands nobody wants all."""
        from edm_core.stores.runs import load_rows

        await asyncio.sleep(ROW_AFTER)
        wanted = [v.run_id for v in self.chosen if v.run_id and v.run_id not in self._rows]
        if not wanted:
            return
        try:
            rows = await self.services.in_thread(load_rows, self.services.workspace, wanted)
        except EdmError as error:
            self._fault = f"! {error.message}"
        else:
            found = {row.run_id: row for row in rows}
            self._rows |= {run_id: found.get(run_id) for run_id in wanted}
        self.say()

    # Showing ------------------------------------------------------------------

    def _show(self) -> None:
        table = self.query_one("#list", LineList)
        metric = self.services.workspace.settings.metrics.primary
        width = table.size.width or self.size.width
        header, lines = version_lines(
            self.shown, self._states, metric, self._now, width, marks=self.marks, ascii_only=self.ascii_only
        )
        none = "no such version: esc clears" if self.filter else "no model versions yet: R on a run registers it"
        table.set_empty(self._fault or none)
        table.set_lines(lines, header if lines else None)
        self._explain()
        self.say()

    def _explain(self) -> None:
        """The pane for the version under the cursor, and the timeline and history of its model."""
        version = self.version
        detail, below = self.query_one("#detail", LineList), self.query_one("#history", LineList)
        if version is None:
            detail.set_lines(())
            below.set_lines(())
            return
        moves = self.moves_of(version.name)
        own = tuple(move for move in moves if move.version == version.version)
        state = self._states.get(version_key(version), DataState.NONE)
        width = max(20, (detail.size.width or self.size.width) - 2)
        checks = self.services.going_on.found.get(version_key(version), {})
        detail.set_lines(detail_lines(version, state, own, self._now, width, checks))
        # The same for all versions of a model: not to be laid out again for each step of the cursor.
        if self._below != (version.name, self.size.width):
            self._below = (version.name, self.size.width)
            below.set_lines(history_lines(moves, self.tenures_of(version.name), self._now, self.size.width))

    def status_text(self) -> str:
        live = [f"{one.name} v{one.version}" for one in self.versions if one.stage == "Production"]
        count = len(self.versions)
        parts = [
            f"{count:,} versions and more, reading …"
            if self._partly
            else f"{count:,} version{'' if count == 1 else 's'}",
            f"{len(self.shown):,} shown: {self.filter} (esc clears)" if self.filter else "",
            f"{len(self.marks)} marked (esc clears)" if self.marks else "",
            f"Production: {', '.join(live) or 'nobody'}",
            *self._astray,
            self._fault,
        ]
        return " · ".join(part for part in parts if part)

    def show_versions(self) -> None:
        self._show()
        self._read_rows()

    def checked(self) -> None:
        self._explain()
        self.say()

    def do_diff(self) -> None:
        """What differs between the marked versions, or between the one under the cursor and the one in Production."""
        from edm_tui.screens.version_diff import VersionDiffScreen

        self.app.push_screen(VersionDiffScreen(self.compared, dict(self._rows)))

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < NARROW, "-narrow")
        self.call_after_refresh(self._show)

    @on(LineList.Highlighted, "#list")
    def _highlighted(self) -> None:
        self._explain()
        self._read_rows()
        self.say()

    # Layers -------------------------------------------------------------------

    @on(LineList.Chosen, "#list")
    def _open_detail(self) -> None:
        """Enter gives the keys to the pane; where the screen is narrow it takes the list's place."""
        self.add_class("-open")
        self.list.focus()
        self.call_after_refresh(self._explain)
        self.say()

    def do_back(self) -> None:
        """Step out one layer: the pane, the filter, the marks, the screen."""
        if self.has_class("-open"):
            self.remove_class("-open")
            self.list.focus()
        elif self.filter:
            self.on_filter_changed(FilterChanged("", done=True))
        elif self.marks:
            self.marks = []
            self._show()
        else:
            super().do_back()
            return
        self.say()

    def do_mark(self) -> None:
        """Mark the version under the cursor, or take its mark off."""
        key = self.query_one("#list", LineList).key
        self.marks = [one for one in self.marks if one != key] if key in self.marks else [*self.marks, key]
        self._show()
        self._read_rows()

    def copied(self) -> str:
        """The version's URI, which `mlflow.pytorch.load_model` takes; in the pane the line under the cursor."""
        if self.has_class("-open") or self.version is None:
            return super().copied()
        return f"models:/{self.version.name}/{self.version.version}"

    def reason(self, verb: str) -> str:
        if verb == "mark":
            return "" if self.version is not None else "no version"
        found = self.model_reason(verb)
        if found is not None:
            return found
        told = super().reason(verb)
        if told == "no run" and any(v.run_id and v.run_id not in self._rows for v in self.chosen):
            return "its run is being read"
        return told
