"""The diff of two or more runs; the first is the baseline."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from edm_core.errors import EdmError
from edm_core.snapshots.diff import RunDiff
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import StoreChanged
from edm_tui.screens.lists import ListScreen
from edm_tui.widgets.diff_view import DiffLook, diff_lines, quiet_sections, summary
from edm_tui.widgets.line_list import LineList


class DiffScreen(ListScreen):
    """`rows` are the runs to compare, the baseline first."""

    context = "diff"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "fold", "fold", show=False)]

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.diff: RunDiff | None = None
        self.look = DiffLook()
        self._fault = ""

    def targets(self) -> tuple[RunRow, ...]:
        return self.rows

    def stores_changed(self, message: StoreChanged) -> None:
        if len(self.rows) > 1:
            self._load()
        else:
            self.list.set_empty("nothing to compare: mark two runs with space, then d")

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        from edm_core.diff import diff_runs

        services = self.services
        try:
            diff = await services.in_thread(diff_runs, services.workspace, self.rows)
        except EdmError as error:
            self._fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
            self.list.set_empty(self._fault)
        else:
            if self.diff is None:
                self.look = DiffLook(frozenset(quiet_sections(diff)), ascii_only=self.ascii_only)
            self._fault, self.diff = "", diff
            self._show()
        self.say()

    def _show(self) -> None:
        if self.diff is not None:
            header, lines = diff_lines(self.diff, self.look, self.size.width)
            self.list.set_lines(lines, header)

    def status_text(self) -> str:
        if self.diff is None:
            return self._fault or f"diff of {len(self.rows)} runs"
        shown = "all, a only what differs" if self.look.show_same else "only what differs, a all"
        return " · ".join(part for part in ("diff", summary(self.diff), shown, "space folds", self._fault) if part)

    def on_resize(self) -> None:
        self._show()

    def copied(self) -> str:
        """The whole values of the entry under the cursor, one line for each run."""
        kind, _, rest = self.list.key.partition(":")
        section, _, key = rest.partition(":")
        if kind != "entry" or self.diff is None:
            return super().copied()
        entry = next(entry for entry in self.diff.sections[section] if entry.key == key)
        pairs = zip(self.diff.names, entry.values, strict=True)
        return "\n".join([key, *(f"{name}: {value}" for name, value in pairs)])

    # Verbs --------------------------------------------------------------------

    def do_all(self) -> None:
        """All, or only what differs."""
        self.look = replace(self.look, show_same=not self.look.show_same)
        if self.look.show_same and self.diff is not None:
            self.look = replace(self.look, folded=self.look.folded - set(self.diff.sections))
        self._show()
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        """Enter folds a section, or opens an entry's whole values."""
        kind, _, rest = event.key.partition(":")
        if kind == "section":
            self.look = replace(self.look, folded=self.look.folded ^ {rest})
        else:
            self.look = replace(self.look, opened=self.look.opened ^ {event.key})
        self._show()

    def action_fold(self) -> None:
        """Fold the section that the cursor is in."""
        kind, _, rest = self.list.key.partition(":")
        section = rest.partition(":")[0]
        if kind:
            self.look = replace(self.look, folded=self.look.folded ^ {section})
            self._show()
            self.list.move_to(f"section:{section}")

    def reason(self, verb: str) -> str:
        return "this is it" if verb == "diff" and len(self.rows) > 1 else super().reason(verb)
