"""What the Storage screen asks before something goes for good, with what a dry run says would go and whose it was."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from textual.app import App

from edm_core.actions.trash import Slot
from edm_core.snapshots.storage import Safety
from edm_tui.dialogs.by_name import ByNameDialog
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.menu import Choice, MenuDialog
from edm_tui.formatting import clean, count, size
from edm_tui.messages import ActionRequested
from edm_tui.services import Host

SHOWN = 12
OLD_DAYS = 30


async def ask_push(app: App[Any], safety: Safety | None) -> None:
    """Push all; asked first whether other branches, which may be nobody else's business, go along."""
    others = safety.other_branches if safety is not None and safety.git_remote else ()
    argv: tuple[str, ...] = ("push", "--all")
    if others:
        named = ", ".join(map(clean, others[:5])) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        choices = [
            Choice("a", f"all branches: this one and {named}", "all"), Choice("c", "the current branch alone", "one"),
        ]  # fmt: skip
        which = await app.push_screen_wait(MenuDialog("Push the commits of", choices))
        if not which:
            return
        argv += ("--branches",) if which == "all" else ()
    app.post_message(ActionRequested("push", argv, "data", "Push all"))


async def ask_purge(app: App[Any], trash: Sequence[Slot], chosen: str) -> None:
    """Which entries, a dry run that also counts what MLflow holds of their runs, and the question."""
    which = await app.push_screen_wait(MenuDialog("Purge the trash for good", purge_choices(trash, chosen)))
    if not which:
        return
    wanted = () if which == "all" else ("--older-than", str(OLD_DAYS)) if which == "old" else (which,)
    dry = await cast(Host, app).services.query(
        "storage", "trash", "purge", *wanted, lane=None, title="dry run of the purge"
    )
    entries = dry["would_purge"]
    if not entries:
        app.notify("nothing in the trash is that old", markup=False)
        return
    question = ConfirmDialog(f"Purge {_many(len(entries), 'entry', 'entries')} for good?", purge_lines(dry), "purge")
    if await app.push_screen_wait(question):
        # By id, so that what goes is what was shown.
        argv = ("storage", "trash", "purge", *(str(one["id"]) for one in entries), "--yes")
        app.post_message(ActionRequested("purge", argv, "data", "Purge the trash"))


def purge_choices(trash: Sequence[Slot], chosen: str) -> list[Choice]:
    """The entry under the cursor, the old ones, all."""
    found = [
        Choice("e", f"this entry: {slot.run_name}  {size(slot.bytes)}", slot.id) for slot in trash if slot.id == chosen
    ]
    total = sum(slot.bytes for slot in trash)
    return [
        *found,
        Choice("o", f"what is older than {OLD_DAYS} days", "old"),
        Choice("a", f"all {count(len(trash))}  {size(total)}", "all"),
    ]


def purge_lines(dry: Mapping[str, Any]) -> tuple[str, ...]:
    """What would go, whose it was, and that nothing brings it back."""
    lines = [f"{one['run']}  {size(int(one['bytes']))}" for one in dry["would_purge"]]
    extra = sum(int(one["bytes"]) for one in dry.get("mlflow", ()))
    models = sum(len(one["models"]) for one in dry.get("mlflow", ()))
    of_mlflow = f", {size(extra)} of it MLflow's artifacts" if extra else ""
    also = f" and {_many(models, 'logged model')}" if models else ""
    return (
        *_cut(lines),
        f"Frees {size(int(dry['bytes']))}{of_mlflow}{also}.",
        "It is gone for good: no undo brings it back.",
    )


async def ask_collect(app: App[Any]) -> None:
    """DVC's dry run, and the question; runs of which something is on no remote must be named."""
    dry = await cast(Host, app).services.query("storage", "gc", lane="data", title="dry run of the gc")
    if not dry["would_remove"]:
        app.notify("gc has nothing to free: a commit names all that the cache holds", markup=False)
        return
    title = f"Free {size(int(dry['bytes']))} of DVC's cache?"
    if not await app.push_screen_wait(ConfirmDialog(title, collect_lines(dry), "delete")):
        return
    lost = [str(name) for name in dry["only_here"]]
    if lost:
        lines = ("Nobody can bring these back. P pushes them first.",)
        if not await app.push_screen_wait(ByNameDialog("On no remote, so lost for good", lines, lost)):
            return
    forget = [word for name in lost for word in ("--forget", name)]
    argv = ("storage", "gc", "--yes", "--plan", str(dry["plan"]), *forget)
    app.post_message(ActionRequested("collect", argv, "data", "Free DVC's cache"))


def collect_lines(dry: Mapping[str, Any]) -> tuple[str, ...]:
    """What goes by run, and where else it is."""
    runs: dict[tuple[str, bool], list[int]] = {}
    for item in dry["would_remove"]:
        runs.setdefault((str(item["run"]), bool(item["pushed"])), []).append(int(item["bytes"]))
    lines = [
        f"{run}  {_many(len(sizes), 'object')}  {size(sum(sizes))}  {'on the remote' if pushed else 'ONLY HERE'}"
        for (run, pushed), sizes in sorted(runs.items())
    ]
    return (*_cut(lines), "Every version that a commit names stays.")


def _cut(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], f"and {count(more)} more") if more > 0 else tuple(lines)


def _many(number: int, word: str, words: str = "") -> str:
    return f"{count(number)} {word if number == 1 else words or word + 's'}"
