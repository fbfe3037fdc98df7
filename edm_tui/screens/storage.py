"""What the disk holds, and whether this machine may be lost."""

import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace

from textual import work

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import clean
from edm_tui.messages import ActionFinished, ActionRequested
from edm_tui.screens.lists import ListScreen
from edm_tui.screens.reading import ReadingScreen
from edm_tui.screens.storage_lines import StorageFacts, storage_lines
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.status_line import StatusLine

MEASURE_SECONDS = 20.0
"""How long one part may be counted; a larger tree shows as `more than`."""
REST = 20.0
"""Counting goes on at most every so many times as long as it took."""


class StorageScreen(ListScreen, ReadingScreen):
    """The answer comes first, sizes fill in as they are counted. `P` pushes all that is only here."""

    context = "storage"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.facts = StorageFacts()
        self._rows: dict[str, RunRow] = {}
        self._fault = ""
        self._undoable = ""
        self._left = threading.Event()
        self._measured, self._cost = 0.0, 0.0
        self._measuring = self._due = False

    # Reading --------------------------------------------------------------------

    async def read(self) -> None:
        from edm_core.actions.safety import safety
        from edm_core.actions.storage import disk_free
        from edm_core.actions.trash import slots

        services, workspace = self.services, self.services.workspace
        try:
            trash = tuple(await services.in_thread(slots, workspace))
            free = await services.in_thread(disk_free, workspace)
            self._take(replace(self.facts, trash=trash, disk_free=free))
            found = await services.in_thread(safety, workspace)
            self._take(replace(self.facts, safety=found))
            self._undoable = await services.last_action()
            snapshot = await services.runs()
            self._rows = {row.run_dir.rpartition("/")[2]: row for row in snapshot.rows if row.run_dir}
        except EdmError as error:
            self._fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
        else:
            self._fault = ""
        self.say()
        self._measure_when_due()

    def _take(self, facts: StorageFacts) -> None:
        self.facts = facts
        self.show_facts()

    def _measure_when_due(self) -> None:
        """A training writes every second: large folders are not counted as often."""
        if self._measuring or self._due:
            return
        wait = self._measured + REST * self._cost - time.monotonic() if self._measured else 0.0
        if wait <= 0:
            self._measure()
        else:
            self._due = True
            self.set_timer(wait, self._measure)

    @work(group="measure")
    async def _measure(self) -> None:
        """Count the folders one after the other in a thread, and show each as soon as it is known."""
        from edm_core.actions.sizes import shared
        from edm_core.actions.storage import PARTS, part_size

        if self._measuring:
            return
        self._measuring, self._due = True, False
        services, workspace, began = self.services, self.services.workspace, time.monotonic()
        try:
            for part in PARTS:
                found = await services.in_thread(part_size, workspace, part, self._stop())
                self._take(replace(self.facts, sizes={**self.facts.sizes, part: found}))
            common = await services.in_thread(shared, workspace, self._stop())
            self._take(replace(self.facts, shared=common))
        finally:
            self._measuring = False
            self._measured, self._cost = time.monotonic(), time.monotonic() - began

    def _stop(self) -> Callable[[], bool]:
        """Whether counting shall end: it took too long, or nobody looks any more."""
        end = time.monotonic() + MEASURE_SECONDS
        return lambda: self._left.is_set() or time.monotonic() > end

    def on_unmount(self) -> None:
        self._left.set()

    def finished(self, message: ActionFinished) -> None:
        """What was done here is to be seen at once."""
        self._measured = 0.0

    def do_refresh(self) -> None:
        self._measured = 0.0
        super().do_refresh()

    # Showing --------------------------------------------------------------------

    def show_facts(self) -> None:
        header, lines = storage_lines(self.facts, time.time(), self.size.width)
        self.list.set_lines(lines, header)
        self.say()

    def say(self) -> None:
        self.query_one("#status", StatusLine).say(self.status_text(), " · ".join(self.services.running))
        labels = {"push": "push all", "pull": "pull all"}
        if self._undoable:
            labels["undo"] = f"undo {clean(self._undoable)}"
        self.query_one("#keys", KeyBar).update_keys(self.reason, labels=labels)

    def status_text(self) -> str:
        safety = self.facts.safety
        parts = [f"{self.services.workspace.name} · storage"]
        if safety is not None:
            parts += [f"remote {safety.remote}" if safety.remote else "no DVC remote: edm remote add"]
            parts += [] if safety.git_remote else ["no git remote"]
        return clean(" · ".join((*parts, *filter(None, [self._fault]))))

    def on_resize(self) -> None:
        self.show_facts()

    def on_line_list_highlighted(self) -> None:
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        """Enter shows more of a line."""
        self._take(replace(self.facts, opened=self.facts.opened ^ {event.key}))

    # Verbs ----------------------------------------------------------------------

    @property
    def under_cursor(self) -> tuple[str, str]:
        """(kind, name) of the line under the cursor, such as ("trash", its id)."""
        kind, _, name = self.list.key.partition(":")
        return kind, name

    def targets(self) -> tuple[RunRow, ...]:
        kind, name = self.under_cursor
        row = self._rows.get(name) if kind in ("run", "pointer") else None
        return () if row is None else (row,)

    def reason(self, verb: str) -> str:
        safety = self.facts.safety
        if verb == "push":
            if safety is None:
                return "still looking"
            return "" if safety.only_here or safety.commit_count else "all of it is pushed"
        if verb == "pull":
            return ""
        if verb in ("restore", "purge"):
            return "" if self.under_cursor[0] == "trash" or (verb == "purge" and self.facts.trash) else "no trash entry"
        if verb == "stop":
            return "" if self.services.going_on.transfer is not None else "no push or pull goes on"
        if verb == "undo" and not self._undoable:
            return "nothing to undo"
        return super().reason(verb)

    def copied(self) -> str:
        return self.under_cursor[1] or super().copied()

    @work(exclusive=True, group="form")
    async def do_push(self) -> None:
        """All that is only here, the data first and then git; other branches after asking."""
        from edm_tui.screens.storage_asks import ask_push

        await ask_push(self.app, self.facts.safety)

    def do_pull(self) -> None:
        """git, then every kept run that is not here."""
        self.app.post_message(ActionRequested("pull", ("pull", "--all"), "data", "Pull all"))

    def do_stop(self) -> None:
        """The push or pull that goes on."""
        self._stop_transfer()

    def do_restore(self) -> None:
        """Take the entry under the cursor out of the trash."""
        slot = next((slot for slot in self.facts.trash if slot.id == self.under_cursor[1]), None)
        if slot is not None:
            argv = ("storage", "trash", "restore", slot.id)
            self.app.post_message(ActionRequested("restore", argv, "data", f"Restore {slot.run_name}"))

    @work(exclusive=True, group="form")
    async def do_purge(self) -> None:
        """Delete from the trash for good, after a dry run."""
        from edm_tui.screens.storage_asks import ask_purge

        kind, name = self.under_cursor
        await self._asked(ask_purge(self.app, self.facts.trash, name if kind == "trash" else ""))

    @work(exclusive=True, group="form")
    async def do_collect(self) -> None:
        """Free DVC's cache of what no commit names, after a dry run."""
        from edm_tui.screens.storage_asks import ask_collect

        await self._asked(ask_collect(self.app))

    async def _asked(self, form: Coroutine[None, None, None]) -> None:
        try:
            await form
        except EdmError as error:
            self.host.show_error(error.message, error.hint)
