"""`o` on the Runs screen: the table as it is shown, into a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from edm_core.errors import EdmError
from edm_core.table.export import format_of
from edm_core.table.sheet import sheet_of
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.text_prompt import TextPrompt
from edm_tui.export_process import write_in_child
from edm_tui.formatting import clean, count, size

if TYPE_CHECKING:
    from edm_tui.screens.arranging import Arranging

HINT = "name.csv, .json, .md or .parquet"


def ask_table_export(screen: "Arranging") -> None:
    """Ask where to; what is there already is replaced only when one says so."""

    def answered(name: str | None) -> None:
        if not name:
            return
        path = screen.services.workspace.root / Path(name).expanduser()
        try:
            kind = format_of(path)
        except EdmError as error:
            screen.host.show_error(error.message, error.hint)
            return
        if path.exists():
            _ask_to_replace(screen, path, kind)
        else:
            screen.run_worker(_write(screen, path, kind, replace=False), group="export")

    shown = count(len(screen.table.arrangement.lines))
    first = f"{screen.memory.called or 'runs'}.csv".replace("/", "_")
    screen.app.push_screen(TextPrompt(f"Export {shown} lines as shown to ({HINT})", first, HINT), answered)


def _ask_to_replace(screen: "Arranging", path: Path, kind: str) -> None:
    def answered(yes: bool | None) -> None:
        if yes:
            screen.run_worker(_write(screen, path, kind, replace=True), group="export")

    question = ConfirmDialog(
        f"Replace {path.name}?", (f"{path} is there already: {size(path.stat().st_size)}.",), "replace"
    )
    screen.app.push_screen(question, answered)


async def _write(screen: "Arranging", path: Path, kind: str, *, replace: bool) -> None:
    fields = [shown.field for shown in screen.table.shown_columns()]
    sheet = sheet_of(screen.table.arrangement, fields, screen.baseline)
    services = screen.services
    screen.call_later(screen.say)
    try:
        with services.going_on.doing(f"writing {clean(path.name)}"):
            rows = await services.in_thread(write_in_child, sheet, path, kind, replace)
    except EdmError as error:
        screen.host.show_error(error.message, error.hint)
    else:
        screen.notify(f"written: {clean(str(path))}, {count(rows)} rows", markup=False)
    screen.say()
