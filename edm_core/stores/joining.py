"""One row from what MLflow, the folders, DVC, the trash, the registry and the jobs know."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edm_core.errors import StoreError
from edm_core.jobs.folder import load_jobs
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.run_builder import columns_of, extended, with_here
from edm_core.snapshots.run_columns import NOWHERE, Here, RunColumns, RunView
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import RunFolder, TrashEntry, folder_at, run_folders, trash_entries
from edm_core.stores.models import version_labels
from edm_core.stores.pointer_rows import folder_row
from edm_core.stores.protocols import MEMORY, TrackingStore
from edm_core.stores.run_folders import assign_folders, folder_run_id, metadata_run_id, tagged
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


def join_rows(workspace: Workspace, store: TrackingStore, rows: Sequence[RunRow], local: Local) -> RunView:
    """As `join_columns`, for some runs."""
    return join_columns(workspace, store, columns_of(rows), local)


def join_columns(workspace: Workspace, store: TrackingStore, columns: RunColumns, local: Local) -> RunView:
    """Runs with their folders, labels and jobs; then folders, trash and jobs that no run has. Newest first."""
    trashed = {entry.run_id: entry for entry in reversed(local.trash) if entry.run_id}
    missing = [run_id for run_id in trashed if run_id not in columns.places]
    gone = store.runs_by_id(missing, table_metrics(workspace)) if missing else {}
    if gone:
        columns = extended(columns, gone.values())
    assigned = assign_folders(workspace, columns, local.folders, trashed)
    joined = with_here(columns, _here(workspace, columns, local, assigned, trashed))
    loose = [folder for name, folder in local.folders.items() if name not in set(assigned.values())]
    added = _folder_rows(workspace, store, loose, local.jobs)
    shown = {here.trash for here in joined.here.values()}
    added += [_trash_row(entry) for entry in local.trash if entry.id not in shown]
    added += _job_rows([here.job for here in joined.here.values()] + [row.job for row in added], local.jobs)
    if added:
        joined = extended(joined, added)
    order = joined.newest_first()
    hidden = {at for at in joined.deleted if not joined.here.get(at, NOWHERE).trash}
    return joined.view([at for at in order if at not in hidden] if hidden else order)


def _here(
    workspace: Workspace, columns: RunColumns, local: Local, assigned: Mapping[int, str],
    trashed: Mapping[str, TrashEntry],
) -> dict[int, Here]:  # fmt: skip
    """What lies here, of the runs of which anything does."""
    places = columns.places
    jobs = _jobs_by_run(columns, local.jobs)
    elsewhere = dict(tagged(columns, "edm.run_dir", lambda text: text if "/" in text else ""))
    concerned = {*assigned, *jobs, *elsewhere}
    concerned.update(places[run_id] for run_id in (*trashed, *local.labels) if run_id in places)
    found = {}
    for at in sorted(concerned):
        run_id = columns.run_ids[at]
        folder = _folder(workspace, local, assigned.get(at), trashed.get(run_id), elsewhere.get(at, ""), run_id)
        here = replace(folder, model=local.labels.get(run_id, ""), job=jobs.get(at))
        if here != NOWHERE:
            found[at] = here
    return found


def _folder(
    workspace: Workspace, local: Local, folder: str | None, entry: TrashEntry | None, elsewhere: str, run_id: str
) -> Here:
    if folder is not None:
        state = local.folders[folder].state
        trash = entry.id if entry is not None and state is DataState.TRASHED else ""
        return Here(f"{workspace.settings.runs.dir}/{folder}", state, trash=trash)
    if entry is not None:
        return Here(entry.original, DataState.TRASHED, trash=entry.id)
    if elsewhere and _is_folder_of(workspace, run_id, elsewhere):
        return Here(elsewhere, folder_at(workspace, workspace.root / elsewhere).state)
    return NOWHERE


def _is_folder_of(workspace: Workspace, run_id: str, relative: str) -> bool:
    """Whether this is the run's folder, elsewhere in the workspace than the others. The tag may hold anything, and what
    a row names can be discarded: the folder has to name the run itself."""
    path = workspace.root / relative
    inside = ".." not in path.parts and path.is_relative_to(workspace.root)
    return inside and path.parent != workspace.runs_dir and metadata_run_id(path) == run_id


def _jobs_by_run(columns: RunColumns, jobs: Sequence[JobSnapshot]) -> dict[int, JobSnapshot]:
    """Position of a run → the newest job that trained it."""
    if not jobs:
        return {}
    by_id = {job.id: job for job in jobs}
    found = {at: by_id[tag] for at, tag in tagged(columns, "edm.job_id", lambda text: text if text in by_id else "")}
    for job in reversed(jobs):
        at = columns.places.get(job.run_id) if job.run_id else None
        if at is not None and (at not in found or found[at].created < job.created):
            found[at] = job
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


def _job_rows(known: Iterable[JobSnapshot | None], jobs: Sequence[JobSnapshot]) -> list[RunRow]:
    """Rows for jobs that wait, or run without having made a run yet, or failed lately before they made one."""
    shown = {job.id for job in known if job is not None}
    recent = time.time() - FAILED_JOB_SECONDS
    return [
        RunRow(run_id="", name=job.run_name or job.title, start_ms=int(job.created * 1000), job=job)
        for job in jobs
        if job.id not in shown
        and not job.run_id
        and (job.active or (job.state in ("failed", "lost") and job.created > recent))
    ]
