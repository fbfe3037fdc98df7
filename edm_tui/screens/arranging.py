"""How the run table is arranged: order, columns, groups, baseline, saved views, experiment; each remembered."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from textual import work

from edm_core.errors import EdmError
from edm_core.settings import MetricsSettings
from edm_core.snapshots.runs import RunRow
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.table.fields import Field, all_fields, read_field
from edm_core.table.frame import Frame
from edm_core.table.groups import Arrangement, arrange
from edm_core.table.memory import TableMemory
from edm_core.table.usual import usual_metrics
from edm_core.table.view import FLAT, TREE, Shown, SortKey, View
from edm_tui.columns import NAME
from edm_tui.messages import HeaderClicked
from edm_tui.screens.base import EVERYTHING
from edm_tui.screens.narrowing import Narrowing
from edm_tui.screens.run_filter import RunFilter

GROUPED = ("state", "data", "model", "user", "experiment", "commit")
"""Attributes by which one may group."""


class Arranging(Narrowing):
    """`memory` is how the table is arranged; `frame` are the runs; `turned` what is folded otherwise than it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = TableMemory()
        self.frame = Frame((), MetricsSettings())
        self.turned: set[str] = set()
        self._baseline: RunRow | None = None
        self._remembering = asyncio.Lock()
        self._forgetful = False
        """Whether it was said already that nothing can be remembered."""

    def arranged(self) -> Arrangement:
        """The lines to show now."""
        view = replace(self.memory.view, name=self.narrowed.name)
        return arrange(self.frame, view, self.narrowed.mask(self.frame, self._asked_experiment), frozenset(self.turned))

    @property
    def _asked_experiment(self) -> str | None:
        """The experiment whose runs are shown; None for all."""
        shown = self.services.workspace.settings.tracking.experiment if self.experiment is None else self.experiment
        return None if shown == ALL_EXPERIMENTS else shown

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Other runs were read."""
        settings = self.services.workspace.settings
        self.frame = Frame(rows, settings.metrics)
        at = self.frame.position(self.memory.baseline) if self.memory.baseline else None
        if at is not None:
            self._baseline = self.frame.row(at)

    @property
    def baseline(self) -> RunRow | None:
        """The run that others are compared with; of another experiment it stays as it was last seen."""
        return self._baseline if self.memory.baseline else None

    def wanted_metrics(self) -> tuple[str, ...]:
        """The metrics whose best values and curves are shown, or sorted by."""
        shown = (column.field.metric for column in self.table.columns)
        return tuple(dict.fromkeys(filter(None, (*shown, *self.memory.view.metrics()))))

    def change(self, **changes: Any) -> None:
        """Arrange anew, show it, and remember it. A change of the view makes it another one than the one chosen."""
        memory = replace(self.memory, **changes)
        if memory.view != self.memory.view and "called" not in changes:
            memory = replace(memory, called="")
        before = set(self.wanted_metrics())
        elsewhere = memory.experiment != self.memory.experiment
        self.memory = memory
        self.table.everywhere = memory.experiment == "*"
        self.show_rows()
        self._remember()
        if elsewhere or set(self.wanted_metrics()) - before:
            # Best values and curves are read only of the metrics that are shown.
            self.stores_changed(EVERYTHING)

    @work(group="remember")
    async def _remember(self) -> None:
        """One write at a time, of what is the newest by then."""
        try:
            async with self._remembering:
                await self.services.remember(self.memory)
        except EdmError as error:
            if not self._forgetful:
                self._forgetful = True
                self.host.show_error(error.message, error.hint)

    def arrangement_words(self) -> str:
        """For the status line: what is applied, and the keys that change it."""
        view, called = self.memory.view, self.memory.called
        by = "" if view.group in ("", FLAT) else "as a tree" if view.group == TREE else f"by {view.group}"
        against = f"vs {self.baseline.name}" if self.baseline is not None else ""
        if against and not (self.narrowed or self.table.marks):
            against += " (esc clears)"
        return " · ".join(filter(None, (f"view {called}" if called else "", f"{by} (B)" if by else "", against)))

    # Order --------------------------------------------------------------------

    def fields(self) -> list[Field]:
        """Every field that the runs here have, the shown ones first."""
        columns = self.frame.columns
        shown = [column.field for column in self.table.columns]
        found = all_fields(sorted(columns.metrics), sorted(columns.params), sorted(columns.tags))
        return [*shown, *(field for field in found if field not in shown)]

    def do_sort(self) -> None:
        """By one field or several."""
        from edm_tui.dialogs.sort import SortDialog

        def sorted_by(sort: tuple[SortKey, ...] | None) -> None:
            if sort is not None:
                self.change(view=replace(self.memory.view, sort=sort))

        self.app.push_screen(SortDialog(self.memory.view.sort, self.fields(), self.frame.metrics), sorted_by)

    def do_reverse(self) -> None:
        """Turn the whole order round; newest first becomes oldest first."""
        sort = self.memory.view.sort or (SortKey(Field("", "age"), True),)
        self.change(view=replace(self.memory.view, sort=tuple(key.turned() for key in sort)))

    def on_header_clicked(self, message: HeaderClicked) -> None:
        """Sort by the clicked column, turned round where it is by this one; `further` adds it as the next key."""
        message.stop()
        field, sort = read_field(message.name), self.memory.view.sort
        if field.kind == "spark":
            return
        key = SortKey(field, field.largest_first(self.frame.metrics))
        if field in [one.field for one in sort]:
            kept = sort if message.further or len(sort) == 1 else ()
            turned = tuple(one.turned() if one.field == field else one for one in kept) or (key,)
        else:
            turned = (*sort, key) if message.further else (key,)
        self.change(view=replace(self.memory.view, sort=turned))

    # Columns and groups -------------------------------------------------------

    def do_columns(self) -> None:
        from edm_tui.dialogs.columns import Columns, ColumnsDialog

        def chosen(columns: Columns | None) -> None:
            if columns is not None:
                self.change(view=replace(self.memory.view, columns=columns.shown))

        names = [one for one in self.memory.view.columns if one.field == NAME]
        shown = self.memory.view.columns or tuple(self.table.shown_columns())
        widths = {column.field.name: column.width for column in self.table.columns}
        self.app.push_screen(
            ColumnsDialog([*names, *(one for one in shown if one.field != NAME)], self.fields(), widths), chosen
        )

    def do_group(self) -> None:
        from edm_tui.dialogs.pick import Option, PickDialog

        columns = self.frame.columns
        fields = [Field("param", key) for key in sorted(columns.params)]
        fields += [Field("", key) for key in GROUPED] + [Field("tag", key) for key in sorted(columns.tags)]
        options = [
            Option("usual", "usual", "children below their parents while newest first, else flat"),
            Option(FLAT, "flat", "one run below the other"), Option(TREE, "tree", "children below their parents"),
            *(Option(field.name, field.name, field.help) for field in fields),
        ]  # fmt: skip
        self._pick(
            PickDialog("Group by", options, at=self.memory.view.group or "usual", enter="group"),
            lambda key, _: self._group_by("" if key == "usual" else key),
        )

    def _group_by(self, group: str) -> None:
        self.turned = set()
        self.change(view=replace(self.memory.view, group=group))

    def do_fold(self) -> None:
        """Fold or unfold what stands below this line, or what this line stands in."""
        table = self.table
        if table.fold_id:
            self.turned ^= {table.fold_id}
            self.show_rows()

    def reveal(self, row_id: str) -> None:
        """The cursor goes to this run; what it is folded away in is unfolded."""
        self.table.go_to(row_id)
        hidden = self.table.cursor_id != row_id and self.table.arrangement.shown(row_id) is not None
        if hidden and self.table.fold_id:
            self.turned ^= {self.table.fold_id}
            self.show_rows()
            self.table.go_to(row_id)

    def do_fold_all(self) -> None:
        """Fold all where something is unfolded, else unfold all."""
        arrangement = self.table.arrangement
        ids = {group.row_id for group in arrangement.groups}
        ids |= {self.frame.row_id(at) for at in arrangement.children}
        begins_open = not arrangement.groups
        any_open = any((row_id in self.turned) != begins_open for row_id in ids)
        self.turned = ids if any_open == begins_open else set()
        self.show_rows()

    # Baseline -----------------------------------------------------------------

    def do_baseline(self) -> None:
        """Compare all others with the run under the cursor; on the baseline itself, with none any more."""
        row = self.table.row
        if row is None or row.row_id == self.memory.baseline:
            self.end_baseline()
            return
        self._baseline = row
        self.change(baseline=row.row_id, view=self._with_delta(self.memory.view))
        self.notify(f"compared with {row.name}; b on it ends that", markup=False)

    def do_diff(self) -> None:
        """The marked runs; one alone against the baseline that was chosen."""
        rows, base = self.targets(), self.baseline
        alone = len(rows) == 1 and base is not None and base.row_id != rows[0].row_id
        self.host.open_view("diff", (base, *rows) if alone and base is not None else rows)

    def end_baseline(self) -> None:
        """Compare with no run any more."""
        self._baseline = None
        self.change(baseline="")

    def _with_delta(self, view: View) -> View:
        """Columns that were chosen get one that compares, where none does."""
        if not view.columns or any(one.field.kind == "delta" for one in view.columns):
            return view
        primary = usual_metrics(self.services.workspace.settings, self.frame.columns.metrics)[0]
        places = [at for at, one in enumerate(view.columns, 1) if one.field.metric == primary]
        at = places[-1] if places else len(view.columns)
        return replace(view, columns=(*view.columns[:at], Shown(Field("delta", primary)), *view.columns[at:]))

    def do_export(self) -> None:
        """The table as it is shown, into a file."""
        from edm_tui.screens.table_export import ask_table_export

        ask_table_export(self)

    def do_undelete(self) -> None:
        """A run that was deleted in MLflow comes back."""
        from edm_tui.screens.restoring import ask_restore

        self.run_worker(ask_restore(self), group="restore")

    # Views and experiments ------------------------------------------------------

    def do_views(self) -> None:
        from edm_tui.screens.views import ask_views

        ask_views(self)

    def take_view(self, view: View, called: str) -> None:
        """Arrange as a saved view says; its query is asked anew."""
        self.turned = set()
        self.narrowed = RunFilter(view.name)
        self.change(view=replace(view, name="", query=""), called=called)
        if view.query:
            self.ask(view.query)

    def current_view(self) -> View:
        """What is shown now, as it would be saved."""
        return replace(self.memory.view, name=self.narrowed.name, query=self.narrowed.query)

    def do_experiment(self) -> None:
        from edm_tui.screens.views import ask_experiment

        ask_experiment(self)

    def take_experiment(self, name: str | None) -> None:
        """Show the runs of this experiment: None for the workspace's own, `*` for all."""
        query = self.narrowed.query
        self.change(experiment=name)
        if query:
            self.ask(query)

    def _pick(self, dialog: Any, then: Callable[[str, str], None]) -> None:
        def picked(found: Any) -> None:
            if found is not None:
                then(found.key, found.action)

        self.app.push_screen(dialog, picked)
