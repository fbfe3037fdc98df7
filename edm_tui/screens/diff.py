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
from edm_tui.screens.diff_reading import export_diff, read_entry
from edm_tui.screens.lists import ListScreen
from edm_tui.screens.track import TrackScreen
from edm_tui.widgets.diff_view import DiffLook, diff_lines, quiet_sections, summary, visible_entries
from edm_tui.widgets.line_list import LineList


class DiffScreen(ListScreen):
    """`rows` are the runs to compare, the baseline first; one alone is compared with the best, or what is promoted."""

    context = "diff"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "fold", "fold", show=False)]

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.diff: RunDiff | None = None
        self.look = DiffLook()
        self._order = self.rows
        self._why = ""
        self._fault = ""

    def targets(self) -> tuple[RunRow, ...]:
        return self.rows

    def stores_changed(self, message: StoreChanged) -> None:
        if self.rows:
            self._load()
        else:
            self.list.set_empty("nothing to compare: mark two runs with space, then d")

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            if len(self.rows) == 1 and not await self._found_baseline(self.rows[0]):
                self.list.set_empty(f"nothing to compare {self.rows[0].name} with: mark two runs with space, then d")
                return
            diff = await self.read_diff(fetch=False)
            if diff.away:
                # What is here is shown at once; what a server has comes when it has come.
                self._take(diff)
                diff = await self.read_diff(fetch=True)
        except EdmError as error:
            self._fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
            self.list.set_empty(self._fault)
        else:
            self._take(diff)
            self._read_opened()
        self.say()

    async def read_diff(self, fetch: bool) -> RunDiff:
        """The comparison; without `fetch` of what is on this machine. Raises EdmError."""
        from edm_core.diff import diff_runs

        return await self.services.in_thread(diff_runs, self.services.workspace, self.rows, fetch)

    def _take(self, diff: RunDiff) -> None:
        if self.diff is None or self.diff.away:
            self.look = replace(self.look, folded=frozenset(quiet_sections(diff)), ascii_only=self.ascii_only)
        self._fault, self.diff = "", diff
        self._show()
        self.say()

    async def _found_baseline(self, row: RunRow) -> bool:
        from edm_core.diff.baseline import baseline_of

        found = await self.services.in_thread(baseline_of, self.services.workspace, row)
        if found is None:
            return False
        self._why = f"baseline {found[1]}"
        self.rows = self._order = (found[0], row)
        return True

    def _show(self) -> None:
        if self.diff is not None:
            header, lines = diff_lines(self.diff, self.look, self.size.width)
            self.list.set_lines(lines, header)

    def status_text(self) -> str:
        if self.diff is None:
            return self._fault or f"diff of {len(self.rows)} runs"
        shown = "all, a only what differs" if self.look.show_same else "only what differs, a all"
        parts = ("diff", summary(self.diff), self._why, shown, "space folds", self._fault)
        return " · ".join(part for part in parts if part)

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

    def do_baseline(self) -> None:
        """The next run in the order in which they were given becomes the first column."""
        base = self._order[(self._order.index(self.rows[0]) + 1) % len(self._order)]
        self.rows = (base, *(row for row in self._order if row is not base))
        self._why = ""
        self.look = replace(self.look, read={})
        self._load()

    def do_export(self) -> None:
        if self.diff is not None:
            export_diff(self, self.diff, everything=self.look.show_same)

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        """Enter folds a section, opens an entry (whole values, patch, curves) or a track's strip, or closes it."""
        kind, _, rest = event.key.partition(":")
        section, _, key = rest.partition(":")
        if kind == "section":
            self.look = replace(self.look, folded=self.look.folded ^ {rest})
        elif section == "tracks":
            self._open_track(key)
        else:
            entry = event.key if kind == "entry" else rest.rpartition(":")[0]
            self.look = replace(self.look, opened=self.look.opened ^ {entry})
            self._read_opened()
            self.list.move_to(entry)
        self._show()

    def _open_track(self, track: str) -> None:
        if self.diff is not None:
            tracks = [entry.key for entry in visible_entries(self.diff, "tracks", self.look)]
            self.app.push_screen(TrackScreen(self.rows, track, tracks))

    @work(exclusive=True, group="opened")
    async def _read_opened(self) -> None:
        """Read what opened entries show beyond their values, each once until the baseline changes."""
        rows = self.rows
        for key in sorted(self.look.opened - self.look.read.keys()):
            section, _, name = key.partition(":")[2].partition(":")
            found = await read_entry(self.services, rows, section, name)
            if found is not None and rows == self.rows:
                self.look = replace(self.look, read={**self.look.read, key: found})
                self._show()

    def action_fold(self) -> None:
        """Fold the section that the cursor is in."""
        section = self._section_here()
        if section:
            self.look = replace(self.look, folded=self.look.folded ^ {section})
            self._show()
            self.list.move_to(f"section:{section}")

    def _section_here(self) -> str:
        kind, _, rest = self.list.key.partition(":")
        return rest.split(":")[1 if kind == "text" else 0] if kind else ""

    def reason(self, verb: str) -> str:
        if verb == "diff":
            return "this is it"
        if verb in ("baseline", "export") and self.diff is None:
            return "nothing to compare"
        return super().reason(verb)
