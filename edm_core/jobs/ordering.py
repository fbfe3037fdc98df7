"""Holding and moving a waiting job, whichever engine it waits in."""

from edm_core.jobs import queue
from edm_core.jobs.engines import engine_of
from edm_core.jobs.folder import JobFolder
from edm_core.workspace import Workspace


def hold_job(workspace: Workspace, folder: JobFolder, held: bool) -> None:
    """Keep a waiting job from starting, or let it go on. Raises JobError when it does not wait."""
    engine = engine_of(folder)
    if engine is None:
        queue.hold(folder, held)
    else:
        engine.hold(workspace, folder, held)


def move_job(workspace: Workspace, folder: JobFolder, place: str) -> None:
    """Put a waiting job `first`, `last`, or before the job of an id. Raises JobError when that cannot be."""
    engine = engine_of(folder)
    if engine is not None:
        engine.move(workspace, folder, place)
    elif place in ("first", "last"):
        queue.move(folder, "first" if place == "first" else "last")
    else:
        queue.move(folder, JobFolder(folder.path.parent / place))
