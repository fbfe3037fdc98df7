"""The lists of saved views and of experiments, and what is done with what one picks there."""

from typing import TYPE_CHECKING

from edm_core.errors import EdmError
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.table.saved import SavedView, delete_view, save_view
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.pick import Option, PickDialog, Picked
from edm_tui.dialogs.text_prompt import TextPrompt
from edm_tui.formatting import clean, count

if TYPE_CHECKING:
    from edm_tui.screens.arranging import Arranging


def ask_views(screen: "Arranging") -> None:
    """Choose, save or delete a view."""
    screen.run_worker(_ask_views(screen), group="views")


async def _ask_views(screen: "Arranging") -> None:
    try:
        views = {saved.name: saved for saved in await screen.services.views()}
    except EdmError as error:
        screen.host.show_error(error.message, error.hint)
        return

    def picked(found: Picked | None) -> None:
        if found is None:
            return
        if found.action == "save what is shown":
            _save(screen, found.key, set(views))
        elif found.action == "delete":
            screen.run_worker(_delete(screen, found.key), group="views")
        elif views[found.key].fault:
            screen.host.show_error(views[found.key].fault, "Mend it in the file, or save it anew.")
        else:
            screen.take_view(views[found.key].view, found.key)

    options = [Option(name, name, remark(saved)) for name, saved in views.items()]
    letters = {"s": "save what is shown", "d": "delete"}
    screen.app.push_screen(
        PickDialog("Views", options, at=screen.memory.called, letters=letters, always=("save what is shown",),
                   empty="no view is saved yet: s saves what is shown"), picked,
    )  # fmt: skip


def remark(saved: SavedView) -> str:
    """What a view does, in short."""
    view = saved.view
    if saved.fault:
        return clean(f"! {saved.fault}")
    parts = ["edm.toml" if saved.shared else "", f"{len(view.columns)} columns" if view.columns else ""]
    parts += [f"by {', '.join(map(str, view.sort))}" if view.sort else "", view.query, view.name]
    return clean(" · ".join(filter(None, [*parts, f"groups {view.group}" if view.group else ""])))


def _save(screen: "Arranging", name: str, taken: set[str]) -> None:
    def replaced(yes: bool | None, name: str) -> None:
        if yes:
            screen.run_worker(_write(screen, name), group="views")

    def named(given: str | None) -> None:
        if not given:
            return
        if given in taken:
            question = ConfirmDialog(f"Replace view {given}?", ("A view of this name is saved already.",), "replace")
            screen.app.push_screen(question, lambda yes: replaced(yes, given))
        else:
            replaced(True, given)

    title = "Save columns, sort, filter and group as view"
    screen.app.push_screen(TextPrompt(title, screen.memory.called or name, "a name"), named)


async def _write(screen: "Arranging", name: str) -> None:
    try:
        await screen.services.in_thread(save_view, name, screen.current_view())
    except EdmError as error:
        screen.host.show_error(error.message, error.hint)
    else:
        screen.change(called=name.strip())
        screen.notify(f"saved as view {clean(name)}", markup=False)


async def _delete(screen: "Arranging", name: str) -> None:
    try:
        await screen.services.in_thread(delete_view, screen.services.workspace, name)
    except EdmError as error:
        screen.host.show_error(error.message, error.hint)
    else:
        if screen.memory.called == name:
            screen.change(called="")
        screen.notify(f"deleted view {clean(name)}; what it showed stays as it is", markup=False)


def ask_experiment(screen: "Arranging") -> None:
    """Choose the experiment whose runs are shown."""
    screen.run_worker(_ask_experiment(screen), group="experiment")


async def _ask_experiment(screen: "Arranging") -> None:
    own = screen.services.workspace.settings.tracking.experiment
    try:
        found = await screen.services.experiments()
    except EdmError as error:
        screen.host.show_error(error.message, error.hint)
        return
    options = [Option(ALL_EXPERIMENTS, "all experiments", "every run of the store")]
    names = [experiment.name for experiment in found]
    for experiment in found:
        runs = "" if experiment.runs is None else f"{count(experiment.runs)} runs"
        mark = "the workspace's own" if experiment.name == own else ""
        options.append(Option(experiment.name, experiment.name, " · ".join(filter(None, (runs, mark)))))
    if own not in names:
        options.append(Option(own, own, "the workspace's own, no runs yet"))

    def picked(choice: Picked | None) -> None:
        if choice is not None:
            screen.take_experiment(None if choice.key == own else choice.key)

    at = own if screen.experiment is None else screen.experiment
    screen.app.push_screen(PickDialog("Experiment", options, at=at, enter="show its runs"), picked)
