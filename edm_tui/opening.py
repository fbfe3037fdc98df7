"""Screens and forms by the name of the verb that opens them; each is imported when it is opened first."""

import importlib
from typing import TYPE_CHECKING, Any

from textual import work
from textual.screen import Screen

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_tui.screens.base import EdmScreen
from edm_tui.serviced import ServicedApp

if TYPE_CHECKING:
    from edm_tui.screens.board import Boards

# What a verb opens: (module, class). The class is made with the tuple of runs that the verb means.
VIEWS: dict[str, tuple[str, str]] = {
    "charts": ("edm_tui.screens.charts", "ChartGridScreen"),
    "charts_screen": ("edm_tui.screens.charts", "ChartsScreen"),
    "parallel": ("edm_tui.screens.parallel", "ParallelScreen"),
    "scatter": ("edm_tui.screens.scatter", "ScatterScreen"),
    "diff": ("edm_tui.screens.diff", "DiffScreen"),
    "diff_screen": ("edm_tui.screens.diff", "DiffScreen"),
    "models": ("edm_tui.screens.models", "ModelsScreen"),
    "jobs": ("edm_tui.screens.jobs", "JobsScreen"),
    "sweeps": ("edm_tui.screens.sweeps", "SweepsScreen"),
    "storage": ("edm_tui.screens.storage", "StorageScreen"),
    "doctor": ("edm_tui.screens.doctor", "DoctorScreen"),
    "tail": ("edm_tui.screens.tail", "TailScreen"),
    "commands": ("edm_tui.screens.commands_log", "CommandsLogScreen"),
}
# What a verb asks with a form: a coroutine of `edm_tui.screens.forms`, called with the app and the runs, because a form
# reads first what it shows.
FORMS = {
    "new": "open_new",
    "new_from": "open_new_from",
    "sweep": "open_sweep",
    "edit": "open_metadata",
    "promote": "open_promote",
    "demote": "open_demote",
    "register": "open_register",
}


class Opening(ServicedApp):
    """An app that opens views of runs."""

    form_over: Screen[Any] | None = None
    """The screen that a form is about to cover: keys wait for it."""
    _boards: "Boards | None" = None

    def open_view(self, view: str, rows: tuple[RunRow, ...] = ()) -> None:
        if view in FORMS:
            self.form_over = self.screen
            self._open_form(view, rows)
            return
        module, name = VIEWS[view]
        made = getattr(importlib.import_module(module), name)(rows)
        if len(self.screen_stack) > 1 and type(self.screen) is type(made):
            # A screen of the same kind is replaced, so that switching back and forth piles nothing up.
            self.pop_screen()
        self.push_screen(made)

    @work(exclusive=True, group="form")
    async def _open_form(self, view: str, rows: tuple[RunRow, ...]) -> None:
        forms = importlib.import_module("edm_tui.screens.forms")
        try:
            await getattr(forms, FORMS[view])(self, rows)
        except EdmError as error:
            self.show_error(error.message, error.hint)
        finally:
            self.form_over = None

    @work(group="tensorboard-key")
    async def do_tensorboard(self) -> None:
        """TensorBoard on the runs that the screen in front means, or off."""
        from edm_tui.screens.board import Boards

        rows = self.screen.targets() if isinstance(self.screen, EdmScreen) else ()
        self._boards = self._boards or Boards(self, self.services)
        try:
            await self._boards.toggle(rows)
        except EdmError as error:
            self.show_error(error.message, error.hint)

    def do_help(self) -> None:
        from edm_tui.dialogs.help import HelpDialog

        if isinstance(self.screen, EdmScreen):
            self.push_screen(HelpDialog(self.screen.context, self.screen.reason))

    def do_palette(self) -> None:
        from textual.command import CommandPalette

        from edm_tui.commands import VerbProvider

        if isinstance(self.screen, EdmScreen):
            self.push_screen(CommandPalette(providers=[VerbProvider], placeholder="A verb …"))
