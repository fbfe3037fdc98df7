"""The verbs on runs: when each can run, the command that it is, and what must be asked first.

Pure functions on rows, so that the key bar, the palette and the tests read the same truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edm_core.snapshots.runs import DataState, RunRow
from edm_tui.messages import ActionRequested, Lane

ON_DISK = (DataState.UNTRACKED, DataState.KEPT, DataState.PUSHED, DataState.CHANGED)
ON_REMOTE = "on the remote"


@dataclass(frozen=True, slots=True)
class Question:
    """What a confirmation says: the target by name, what it costs, and the word of the button.

    `names` are those of runs that are asked for a second time: they have to be typed.
    """

    title: str
    lines: tuple[str, ...]
    answer: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb that is one command on one or more runs."""

    argv: tuple[str, ...]
    lane: Lane
    title: str
    reason: Callable[[RunRow], str]


def ref(row: RunRow) -> str:
    """What the command line calls this run: its id, or the folder's name where MLflow knows none."""
    return row.run_id or row.run_dir.rsplit("/", 1)[-1] or row.name


def running(row: RunRow) -> bool:
    """Whether the run goes on: by its job where it has one, else by MLflow's word."""
    if row.job is not None:
        return row.job.active
    return row.status in ("RUNNING", "SCHEDULED")


def _keep(row: RunRow) -> str:
    if running(row):
        return "still running"
    if not row.run_dir or row.data_state in (DataState.NONE, DataState.TRASHED):
        return "no folder"
    if row.data_state is DataState.MISSING:
        return "kept, but not here: pull first"
    return "already kept" if row.data_state in (DataState.KEPT, DataState.PUSHED) else ""


def _discard(row: RunRow) -> str:
    if running(row):
        return "still running: x stops it"
    if row.data_state is DataState.TRASHED:
        return "in the trash"
    return "" if row.run_id or row.data_state in ON_DISK else "nothing to discard"


def _delete(row: RunRow) -> str:
    if running(row):
        return "still running: x stops it"
    return "" if row.run_id and not row.deleted else "no run in MLflow"


def _push(row: RunRow) -> str:
    if row.data_state is DataState.PUSHED:
        return ON_REMOTE
    if row.data_state is DataState.CHANGED:
        return "changed: keep again"
    if row.data_state is DataState.MISSING:
        return "not here: pull"
    return "" if row.data_state is DataState.KEPT else "not kept"


def _pull(row: RunRow) -> str:
    if row.data_state in (DataState.KEPT, DataState.PUSHED):
        return "already here"
    if row.data_state is DataState.CHANGED:
        return "changed here: keep or discard first"
    return "" if row.data_state is DataState.MISSING else "not kept"


def _stop(row: RunRow) -> str:
    if not running(row):
        return "not running"
    return "" if row.job is not None else "not started here: end it where it runs"


VERBS: dict[str, Verb] = {
    "keep": Verb(("keep",), "data", "Keep", _keep),
    "discard": Verb(("discard",), "data", "Discard", _discard),
    "push": Verb(("push",), "data", "Push", _push),
    "pull": Verb(("pull",), "data", "Pull", _pull),
    "delete": Verb(("runs", "delete"), "data", "Delete", _delete),
    "stop": Verb(("jobs", "stop"), "tracking", "Stop", _stop),
}


def _on_one(row: RunRow, verb: str) -> str:
    """Reasons of the verbs that open a view on one run."""
    if verb == "register":
        if running(row):
            return "still running"
        return "" if row.run_id and row.run_dir else "no run and folder: both are needed"
    if verb in ("promote", "demote"):
        return _move(verb, row.model)
    if verb == "edit":
        return "" if row.run_id or row.run_dir else "nothing to edit"
    return ""


def _move(verb: str, model: str) -> str:
    """Why the version that a row names, such as `v3 Production`, cannot go one stage up or down."""
    if not model:
        return "not registered: R registers it"
    stages = model.split()[1:]
    if verb == "promote":
        return "already in Production" if "Production" in stages else ""
    return "" if {"Staging", "Production"} & set(stages) else "no step down"


def reason(verb: str, rows: Sequence[RunRow]) -> str:
    """Why `verb` cannot run on these rows, in a few words; "" when it can."""
    if not rows:
        return "no run"
    if len(rows) > 1 and verb in ONE_RUN:
        return "one run at a time: mark one alone"
    if verb not in VERBS:
        return "" if len(rows) > 1 else _on_one(rows[0], verb)
    reasons = [VERBS[verb].reason(row) for row in rows]
    return reasons[0] if all(reasons) else ""


ALWAYS_OPEN = (
    "sweeps", "sweep",
    "new", "models", "jobs", "commands", "diff_screen", "charts_screen", "storage", "doctor", "parallel", "scatter",
)  # fmt: skip
"""Views that need no run."""
ONE_RUN = ("promote", "demote", "tail", "register")


def fitting(verb: str, rows: Sequence[RunRow]) -> tuple[RunRow, ...]:
    """The rows of a batch on which the verb can run; the rest is left alone."""
    return tuple(row for row in rows if not VERBS[verb].reason(row))


def request(verb: str, rows: Sequence[RunRow]) -> ActionRequested:
    """The action that `verb` on these rows is. Its targets are fixed from here on; what must be asked was asked."""
    spec = VERBS[verb]
    # A push of runs whose data is there already still pushes the commits.
    chosen = fitting(verb, rows) or tuple(rows)
    names = chosen[0].name if len(chosen) == 1 else f"{len(chosen)} runs"
    if verb == "stop":
        # A job that has made no run yet answers to its own id alone.
        jobs = tuple(row.job.id for row in chosen if row.job is not None)
        return ActionRequested(verb, (*spec.argv, *jobs), spec.lane, f"{spec.title} {names}")
    return ActionRequested(
        verb, (*spec.argv, *map(ref, chosen), *_consent(verb, chosen)), spec.lane, f"{spec.title} {names}"
    )


def _consent(verb: str, rows: Sequence[RunRow]) -> tuple[str, ...]:
    """The options that say that the question was answered with yes."""
    if verb == "keep" and any(_unfinished(row) for row in rows):
        return ("--partial",)
    if verb == "delete" and any(row.model for row in rows):
        return ("--force",)
    costly = [row for row in rows if verb == "discard" and _cost(row)]
    if not costly:
        return ()
    return ("--force", *(word for row in costly for word in ("--yes-really", row.name)))


def question(verb: str, rows: Sequence[RunRow]) -> Question | None:
    """What must be asked before `verb`; None where it is easily undone. How much a discard frees is read later."""
    chosen = fitting(verb, rows) if verb in VERBS else ()
    name = chosen[0].name if len(chosen) == 1 else f"{len(chosen)} runs"
    if verb == "keep" and any(_unfinished(row) for row in chosen):
        lines = tuple(f"{row.name} did not finish: {row.status.lower()}" for row in chosen if _unfinished(row))
        return Question(f"Keep {name} as it is?", lines, "keep")
    registered = tuple(f"{row.name}: registered as {row.model}" for row in chosen if verb == "delete" and row.model)
    if registered:
        return Question(f"Delete {name} in MLflow?", (*registered, "Folders stay; z restores the runs."), "delete")
    if verb == "stop" and chosen:
        return Question(f"Stop {name}?", ("The training ends as killed; what it has written stays.",), "stop")
    costly = tuple(row for row in chosen if verb == "discard" and _cost(row))
    if verb != "discard" or (not costly and len(chosen) == 1):
        return None
    lines = (*(f"{row.name}: {_cost(row)}" for row in costly), "Folders go to the trash; z brings them back.")
    return Question(f"Discard {name}?", lines, "discard", tuple(row.name for row in costly))


def _unfinished(row: RunRow) -> bool:
    return row.status in ("FAILED", "KILLED")


def _cost(row: RunRow) -> str:
    """What discarding this run takes away beyond its folder, "" for nothing."""
    costs = [f"registered as {row.model}"] if row.model else []
    if row.data_state in (DataState.KEPT, DataState.CHANGED):
        costs.append("kept here only, on no remote")
    elif row.data_state is DataState.PUSHED:
        costs.append("kept, and on the remote")
    elif row.data_state is DataState.MISSING:
        costs.append("kept, and not here")
    return ", ".join(costs)
