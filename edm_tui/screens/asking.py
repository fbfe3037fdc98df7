"""The questions before what is hard to reverse: what it costs, and for some runs their names a second time."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from textual.app import App

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_core.snapshots.storage import Shared
from edm_tui import verbs
from edm_tui.dialogs.by_name import ByNameDialog
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.formatting import count, size
from edm_tui.going_on import transfer_words
from edm_tui.messages import ActionRequested
from edm_tui.services import Host


async def ask(app: App[Any], question: verbs.Question, freed: Sequence[RunRow], then: Callable[[], object]) -> None:
    """Ask, and go on with `then` after yes; `freed` are the runs whose folders would go."""

    def answered(yes: bool | None) -> None:
        if yes and question.names:
            again = ByNameDialog(question.title, ("This is the second question.",), question.names)
            app.push_screen(again, named)
        else:
            named(yes)

    def named(yes: bool | None) -> None:
        if yes:
            then()

    dialog = ConfirmDialog(question.title, question.lines, question.answer)
    await app.push_screen(dialog, answered)
    if freed:
        await _tell_freed(app, dialog, freed)


async def _tell_freed(app: App[Any], dialog: ConfirmDialog, rows: Sequence[RunRow]) -> None:
    """Add what goes free, and what stays because other runs share it, as soon as they are known."""
    services = cast(Host, app).services
    try:
        lines = [f"Frees {size(await services.folder_bytes(rows))} once the trash is purged."]
        lines += shared_lines(await services.shared(), rows)
    except EdmError as error:
        lines = [f"What it frees could not be read: {error.message}"]
    if dialog in app.screen_stack:
        dialog.add_lines(lines)


def shared_lines(shared: Sequence[Shared], rows: Sequence[RunRow]) -> list[str]:
    """What the runs share with others in DVC's cache: it stays."""
    ours = {row.run_dir.rpartition("/")[2] for row in rows}
    found = [one for one in shared if ours & set(one.runs) and set(one.runs) - ours]
    if not found:
        return []
    others = sorted({name for one in found for name in one.runs} - ours)
    named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    number = sum(one.files for one in found)
    files = f"{count(number)} file{'' if number == 1 else 's'} ({size(sum(one.bytes for one in found))})"
    return [f"Shared with {named}: {files} in DVC's cache, which stay."]


async def ask_stop(app: App[Any]) -> None:
    """Stop the push or pull under way, after asking."""
    transfer = cast(Host, app).services.going_on.transfer
    if transfer is None:
        return
    lines = (
        transfer_words(transfer),
        f"What has arrived stays, and {'P' if transfer.verb == 'push' else 'p'} goes on.",
    )
    request = ActionRequested("stop", (transfer.verb, "--stop"), "tracking", f"Stop the {transfer.verb}")
    question = verbs.Question(f"Stop the {transfer.verb}?", lines, "stop")
    await ask(app, question, (), lambda: app.post_message(request))


async def ask_undo(app: App[Any], then: Callable[[], object]) -> None:
    """Undo; asked first where the last action cannot be undone, so that `z` goes further back."""
    last = await cast(Host, app).services.next_undo()
    if not last.final or not last.what:
        then()
        return
    why = f"{last.last} came after it: {last.final}."
    await ask(app, verbs.Question(f"Undo {last.what}?", (why,), "undo the one before"), (), then)
