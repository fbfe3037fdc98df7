"""Opening the launch form, and launching runs again: what comes of both is `edm jobs launch`."""

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

from textual.app import App

from edm_core.jobs.again import next_name
from edm_core.jobs.profiles import LOCAL
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import ActionRequested
from edm_tui.screens.launch_form import data_sentence, launch_plan
from edm_tui.services import Host
from edm_tui.verbs import ref

if TYPE_CHECKING:
    from edm_tui.dialogs.launch import LaunchCommand


async def open_launch(app: App[Any], source: RunRow | None) -> None:
    """The launch form, with the defaults or filled from a run."""
    from edm_tui.dialogs.launch import LaunchDialog

    services = cast(Host, app).services
    jobs = await services.jobs()
    now = dt.datetime.now()
    plan = await services.in_thread(launch_plan, services.workspace, source, jobs, now)

    def launched(command: "LaunchCommand | None") -> None:
        if command is not None:
            title = command.run_name or command.argv[0]
            app.post_message(ActionRequested("new", launch_words(command), "tracking", f"Launch {title}"))

    form = LaunchDialog(plan)
    await app.push_screen(form, launched)
    said = await services.in_thread(data_sentence, services.workspace)
    if form in app.screen_stack:
        form.tell_data(said)


def launch_words(command: "LaunchCommand") -> tuple[str, ...]:
    """The `edm jobs launch` that starts what the form says."""
    profile = ("--profile", command.profile) if command.profile != LOCAL else ()
    name = ("--name", command.run_name) if command.run_name else ()
    fields = tuple(word for pair in command.given for word in ("--set", pair))
    return ("jobs", "launch", *profile, *name, *(fields or ("--", *command.argv)))


async def launch_again(app: App[Any], rows: tuple[RunRow, ...]) -> None:
    """Each of these runs once more under a name of its own, after a question that names them all."""
    from edm_core.jobs.names import used_names
    from edm_tui.dialogs.confirm import ConfirmDialog

    services = cast(Host, app).services
    used = await services.in_thread(used_names, services.workspace, await services.jobs())
    lines = []
    for row in rows:
        used.add(name := next_name(row.name, used))
        lines.append(f"{row.name} as {name}")

    def answered(yes: bool | None) -> None:
        if yes:
            words = tuple(word for row in rows for word in ("--again", row.job.id if row.job else ref(row)))
            app.post_message(ActionRequested("new", ("jobs", "launch", *words), "tracking", f"Launch {len(rows)} runs"))

    await app.push_screen(ConfirmDialog(f"Launch {len(rows)} runs again?", tuple(lines), "launch"), answered)


async def open_sweep(app: App[Any], rows: tuple[RunRow, ...]) -> None:
    """The form for a sweep."""
    from edm_tui.dialogs.launch import LaunchDialog
    from edm_tui.screens.sweep_form import sweep_plan

    services = cast(Host, app).services
    plan = await services.in_thread(sweep_plan, services.workspace, dt.datetime.now())

    def started(command: "LaunchCommand | None") -> None:
        if command is not None:
            title = f"Start sweep {command.run_name}"
            app.post_message(ActionRequested("sweep", tuple(command.argv[1:]), "tracking", title))

    await app.push_screen(LaunchDialog(plan), started)
