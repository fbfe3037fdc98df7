"""Names that a new run cannot have."""

from collections.abc import Sequence

from edm_core.errors import EdmError
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace


def taken_names(workspace: Workspace, jobs: Sequence[JobSnapshot]) -> dict[str, str]:
    """Names that a new run cannot have, and what has them. Reads folder names only."""
    taken = {job.run_name: "a job" for job in jobs if job.run_name and job.active}
    try:
        for entry in workspace.runs_dir.iterdir():
            kept = entry.name.removesuffix(".dvc")
            if entry.is_dir():
                taken[entry.name] = "a run folder"
            elif kept != entry.name:
                taken.setdefault(kept, "a kept run")
    except FileNotFoundError:
        return taken
    except OSError as error:
        raise EdmError(f"{workspace.runs_dir}: {error.strerror}", "Check the folder's permissions.") from error
    return taken


def used_names(workspace: Workspace, jobs: Sequence[JobSnapshot]) -> set[str]:
    """As `taken_names`, and the runs of jobs that have ended: a proposed name should be nobody's."""
    return {*taken_names(workspace, jobs), *(job.run_name for job in jobs if job.run_name)}
