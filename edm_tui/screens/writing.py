"""Exports of what a screen shows: asks where to, writes it off the event loop, says what came of it."""

from collections.abc import Callable
from pathlib import Path

from edm_core.errors import EdmError
from edm_tui.dialogs.text_prompt import TextPrompt
from edm_tui.formatting import clean
from edm_tui.screens.base import EdmScreen


def ask_export(screen: EdmScreen, title: str, first: str, hint: str, write: Callable[[Path], object]) -> None:
    """Ask for a file name, `first` as a start, and let `write` make that file; what it raises is shown."""

    async def written(path: Path) -> None:
        try:
            await screen.services.in_thread(write, path)
        except EdmError as error:
            screen.host.show_error(error.message, error.hint)
        else:
            screen.notify(f"written: {clean(str(path))}", markup=False)

    def answered(name: str | None) -> None:
        if name:
            screen.run_worker(written(screen.services.workspace.root / Path(name).expanduser()), group="export")

    screen.app.push_screen(TextPrompt(f"{title} ({hint})", first, hint), answered)
