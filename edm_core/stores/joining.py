"""One row from what MLflow, the folders, DVC, the trash, the registry and the jobs know."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edm_core.errors import StoreError
from edm_core.jobs.folder import load_jobs
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import RunFolder, TrashEntry, folder_at, run_folders, trash_entries
from edm_core.stores.models import version_labels
from edm_core.stores.pointer_rows import folder_row
from edm_core.stores.protocols import MEMORY, TrackingStore
from edm_core.stores.run_folders import assign_folders, folder_run_id, metadata_run_id
from edm_core.workspace import Workspace

FAILED_JOB_SECONDS = 86_400
"""How long a job that failed before it made a run keeps a row of its own."""


@dataclass(frozen=True, slots=True)
class Local:
    """Everything but MLflow's runs, read once for a load."""

    folders: Mapping[str, RunFolder]
    trash: tuple[TrashEntry, ...]
    labels: Mapping[str, str]
    jobs: tuple[JobSnapshot, ...]
    problem: str = ""
    """One line about what could not be read; the rest is there."""


def read_local(workspace: Workspace, only: set[str] | None = None) -> Local:
    """The other sources; `only` limits the folders to these names."""
    labels, problem = _labels(workspace)
    folders = run_folders(workspace, only)
    problems = [folder.problem for folder in folders.values() if folder.problem]
    if problems:
        problem = problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
    return Local(folders, trash_entries(workspace), labels, load_jobs(workspace.jobs_dir), problem)


def _labels(workspace: Workspace) -> tuple[Mapping[str, str], str]:
    """Labels by run id, and what stood in the way: the runs are worth showing without them."""
    if workspace.tracking_uri.startswith(MEMORY):
        return {}, ""
    try:
        return version_labels(workspace), ""
    except StoreError as error:
        return {}, f"model versions are not shown: {error.message}"


def table_metrics(workspace: Workspace) -> tuple[str, ...]:
    """Metrics whose best value and spark the run table shows."""
    metrics = workspace.settings.metrics
    return tuple(dict.fromkeys((metrics.primary, *metrics.columns)))


def join_rows(workspace: Workspace, store: TrackingStore, rows: Sequence[RunRow], local: Local) -> tuple[RunRow, ...]:
    """Runs with their folders, labels and jobs; then folders, trash and jobs that no run has. Newest first."""
    trashed = {entry.run_id: entry for entry in reversed(local.trash) if entry.run_id}
    known = {row.run_id for row in rows}
    missing = [run_id for run_id in trashed if run_id not in known]
    gone = store.runs_by_id(missing, table_metrics(workspace)) if missing else {}
    runs = [*rows, *gone.values()]
    assigned = assign_folders(workspace, runs, local.folders, {run_id: e.id for run_id, e in trashed.items()})
    jobs = _jobs_by_run(runs, local.jobs)
    joined = [
        _joined(workspace, row, local, assigned.get(row.run_id), trashed.get(row.run_id), jobs.get(row.run_id))
        for row in runs
    ]
    joined = [row for row in joined if not row.deleted or row.trash]
    loose = [folder for name, folder in local.folders.items() if name not in set(assigned.values())]
    joined += _folder_rows(workspace, store, loose, local.jobs)
    shown = {row.trash for row in joined}
    joined += [_trash_row(entry) for entry in local.trash if entry.id not in shown]
    joined += _job_rows(joined, local.jobs)
    return tuple(sorted(joined, key=lambda row: -(row.start_ms or 0)))


def _joined(
    workspace: Workspace, row: RunRow, local: Local, folder: str | None, entry: TrashEntry | None,
    job: JobSnapshot | None,
) -> RunRow:  # fmt: skip
    model = local.labels.get(row.run_id, "")
    if folder is not None:
        here = local.folders[folder]
        run_dir = f"{workspace.settings.runs.dir}/{folder}"
        trash = entry.id if entry is not None and here.state is DataState.TRASHED else ""
        return replace(row, run_dir=run_dir, data_state=here.state, model=model, job=job, trash=trash)
    if entry is not None:
        return replace(row, run_dir=entry.original, data_state=DataState.TRASHED, model=model, job=job, trash=entry.id)
    elsewhere = row.tags.get("edm.run_dir", "")
    if "/" in elsewhere and _is_folder_of(workspace, row, elsewhere):
        state = folder_at(workspace, workspace.root / elsewhere).state
        return replace(row, run_dir=elsewhere, data_state=state, model=model, job=job)
    return replace(row, model=model, job=job) if model or job else row


def _is_folder_of(workspace: Workspace, row: RunRow, relative: str) -> bool:
    """Whether this is the run's folder, elsewhere in the workspace than the others. The tag may hold anything, and what
    a row names can be discarded: the folder has to name the run itself."""
    path = workspace.root / relative
    inside = ".." not in path.parts and path.is_relative_to(workspace.root)
    return inside and path.parent != workspace.runs_dir and metadata_run_id(path) == row.run_id


def _jobs_by_run(rows: Iterable[RunRow], jobs: Sequence[JobSnapshot]) -> dict[str, JobSnapshot]:
    """Run id → the newest job that trained it."""
    by_id = {job.id: job for job in jobs}
    found = {row.run_id: by_id[tag] for row in rows if (tag := row.tags.get("edm.job_id", "")) in by_id}
    for job in reversed(jobs):
        if job.run_id and (job.run_id not in found or found[job.run_id].created < job.created):
            found[job.run_id] = job
    return found


def _folder_rows(
    workspace: Workspace, store: TrackingStore, loose: Sequence[RunFolder], jobs: Sequence[JobSnapshot]
) -> list[RunRow]:
    """Rows for folders that no active run of the whole store has: a page or an experiment shows only some runs."""
    if not loose:
        return []
    inside = {folder.name: folder_run_id(workspace, folder) for folder in loose}
    names = [name for name, run_id in inside.items() if not run_id]
    taken = store.active_ids([run_id for run_id in inside.values() if run_id], names)
    active = {job.run_name: job for job in jobs if job.active and not job.run_id and job.run_name}
    return [
        folder_row(workspace, folder, inside[folder.name], active.get(folder.name))
        for folder in loose
        if (inside[folder.name] or folder.name) not in taken and folder.state is not DataState.TRASHED
    ]


def _trash_row(entry: TrashEntry) -> RunRow:
    return RunRow(
        run_id="", name=entry.run_name, start_ms=int(entry.discarded_at * 1000), run_dir=entry.original,
        tags={"edm.run_id": entry.run_id} if entry.run_id else {}, data_state=DataState.TRASHED, trash=entry.id,
    )  # fmt: skip


def _job_rows(rows: Iterable[RunRow], jobs: Sequence[JobSnapshot]) -> list[RunRow]:
    """Rows for jobs that wait, or run without having made a run yet, or failed lately before they made one."""
    shown = {row.job.id for row in rows if row.job is not None}
    recent = time.time() - FAILED_JOB_SECONDS
    return [
        RunRow(run_id="", name=job.run_name or job.title, start_ms=int(job.created * 1000), job=job)
        for job in jobs
        if job.id not in shown
        and not job.run_id
        and (job.active or (job.state in ("failed", "lost") and job.created > recent))
    ]
