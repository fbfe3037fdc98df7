"""`@`: every git, dvc and mlflow command that ran, the newest first, ready to copy."""

import time
from collections.abc import Sequence

from rich.text import Text
from textual import work

from edm_core.commandlog import CommandRecord, read_commands
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import age
from edm_tui.messages import FilterChanged, StoreChanged
from edm_tui.screens.lists import ListScreen
from edm_tui.widgets.cells import Cell, Column, layout, plain
from edm_tui.widgets.filter_bar import FilterBar
from edm_tui.widgets.line_list import Line, LineList

COLUMNS = (
    Column("when", right=True), Column("took", right=True), Column("ended", right=True), Column("command", flex=True),
)  # fmt: skip


class CommandsLogScreen(ListScreen):
    """Enter shows what a command said when it failed; y copies it."""

    context = "commands"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.records: tuple[CommandRecord, ...] = ()
        self._opened: frozenset[str] = frozenset()
        self._filter = ""

    @property
    def shown(self) -> tuple[CommandRecord, ...]:
        """The commands that hold what is filtered by."""
        wanted = self._filter.lower()
        return tuple(record for record in self.records if wanted in record.command.lower())

    def stores_changed(self, message: StoreChanged) -> None:
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        path = self.services.workspace.command_log_path
        self.records = tuple(reversed(await self.services.in_thread(read_commands, path)))
        self._show()
        self.say()

    def _show(self) -> None:
        header, lines = command_lines(self.shown, self._opened, time.time(), self.size.width)
        self.list.set_empty("no such command" if self._filter else "no git, dvc or mlflow command has run yet")
        self.list.set_lines(lines, header if lines else None)

    def status_text(self) -> str:
        failed = sum(1 for record in self.records if record.exit_code != 0)
        parts = [f"{len(self.records):,} commands", f"{failed:,} failed" if failed else ""]
        if self._filter:
            parts.append(f"{len(self.shown):,} shown: {self._filter} (esc clears)")
        parts.append("enter what it said · y copy")
        return " · ".join(part for part in parts if part)

    def on_resize(self) -> None:
        self._show()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self._opened ^= {event.key}
        self._show()

    def do_filter(self) -> None:
        """Narrow by a part of the command, as it is typed."""
        if not self.query(FilterBar):
            self.mount(FilterBar(self._filter, hint="part of a command"))

    def on_filter_changed(self, message: FilterChanged) -> None:
        self._filter = message.text
        if message.done:
            self.query(FilterBar).remove()
            self.list.focus()
        self._show()
        self.say()

    def do_back(self) -> None:
        """The filter first, then the screen."""
        if self._filter:
            self.on_filter_changed(FilterChanged("", done=True))
        else:
            super().do_back()

    def copied(self) -> str:
        """The command under the cursor."""
        return next((record.command for record in self.records if key_of(record) == self.list.key), "")


def key_of(record: CommandRecord) -> str:
    """What names a command through a reload."""
    return f"{record.started}:{record.command}"


def command_lines(
    records: Sequence[CommandRecord], opened: frozenset[str], now: float, width: int
) -> tuple[Text, list[Line]]:
    """The header, and a line for each command; an opened one with its folder and what it said."""
    header, texts = layout(COLUMNS, [_cells(record, now) for record in records], width)
    lines = []
    for record, text in zip(records, texts, strict=True):
        key = key_of(record)
        lines.append(Line(text, key))
        if key in opened:
            said = [record.command, f"in {record.cwd}", *(record.error.splitlines() or ["it said nothing"])]
            lines += [Line(Text(f"      {plain(part)}", style="dim", end="")) for part in said]
    return header, lines


def _cells(record: CommandRecord, now: float) -> list[Cell]:
    if record.exit_code is None:
        ended = Text("not started", style="$error")
    else:
        ended = Text("done") if record.exit_code == 0 else Text(f"failed {record.exit_code}", style="$error")
    return [age(now - record.started), _seconds(record.seconds), ended, record.command]


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
