"""Settling what a killed supervisor or a reboot left behind. Any process may do it; nothing is done twice."""

import os
import shutil
import time

from edm_core.errors import JobError
from edm_core.jobs.ending import Ending, tell_mlflow, write_ending
from edm_core.jobs.engines import ask_engines, engine_of
from edm_core.jobs.folder import JobFolder, load_jobs
from edm_core.jobs.local import start_supervisor
from edm_core.jobs.mlflow_status import read_unsettled, runs_of_job, settle_runs, unsettled_file
from edm_core.jobs.new_folder import DRAFT, LAUNCH_LOCK
from edm_core.jobs.progress import last_progress, text
from edm_core.jobs.queue import withdraw
from edm_core.jobs.slots import try_lock
from edm_core.jobs.states import LOCAL
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace

_RETRY_SECONDS = 60.0


def settle(workspace: Workspace) -> tuple[str, ...]:
    """Bring every job's folder up to date; one sentence for each thing that was done or could not be.

    A waiting job without a supervisor gets one. A job that is lost gets its exit.json, and its open MLflow runs end.
    A command that outlived its supervisor is left alone. MLflow statuses that could not be set are tried again.
    """
    done: list[str] = []
    _remove_drafts(workspace)
    ask_engines(workspace)
    # In the order of their turn: the first that gets its supervisor back may start at once.
    for job in sorted(load_jobs(workspace.jobs_dir), key=lambda job: (job.rank or job.created, job.id)):
        folder = JobFolder(workspace.jobs_dir / job.id)
        try:
            if not folder.exit_file.exists():
                engine = engine_of(folder)
                done += _settle_open(folder, workspace) if engine is None else engine.settle(workspace, folder)
            else:
                _retry_mlflow(folder)
        except JobError as error:
            done.append(error.message)
    return tuple(done)


def needs_settling(workspace: Workspace) -> bool:
    """Whether `settle` would find something to do; changes nothing, and starts nothing."""
    return any(_needs_settling(JobFolder(workspace.jobs_dir / job.id), job) for job in load_jobs(workspace.jobs_dir))


def _needs_settling(folder: JobFolder, job: JobSnapshot) -> bool:
    if folder.exit_file.exists():
        return unsettled_file(folder).exists()
    if job.engine != LOCAL:
        return job.there.phase in ("ended", "gone") and not job.there.error
    return folder.job_file.exists() and not folder.watched(folder.supervisor()) and not _goes_on(folder)


def _goes_on(folder: JobFolder) -> bool:
    """Whether the command lives, here or (as far as its heartbeat tells) on another machine."""
    child = folder.child()
    return child is not None and (child.alive() or folder.watched(child))


def _remove_drafts(workspace: Workspace) -> None:
    """Remove what launchers that were killed half-way left: it became no job. Drafts are only made under this lock."""
    if not workspace.jobs_dir.is_dir():
        return
    lock = try_lock(workspace.jobs_dir / LAUNCH_LOCK)
    if lock is None:
        return
    try:
        for draft in workspace.jobs_dir.glob(f"{DRAFT}*"):
            JobFolder(workspace.jobs_dir / draft.name.removeprefix(DRAFT)).queue_file.unlink(missing_ok=True)
            shutil.rmtree(draft)
    finally:
        os.close(lock)


def _settle_open(folder: JobFolder, workspace: Workspace) -> list[str]:
    if not folder.job_file.exists() or folder.watched(folder.supervisor()):
        return []
    lock = try_lock(folder.lock_file)
    if lock is None:
        return []
    try:
        if folder.exit_file.exists():
            return []
        waits = not folder.child_file.exists()
        if waits and folder.stop_file.exists():
            write_ending(folder, Ending("stopped", note="stopped before it started"))
            withdraw(folder)
            return [f"job {folder.id} is stopped"]
        if not waits:
            return _settle_started(folder, workspace)
    finally:
        os.close(lock)
    return [f"job {folder.id} waits for a slot again"] if start_supervisor(folder) else []


def _settle_started(folder: JobFolder, workspace: Workspace) -> list[str]:
    if _goes_on(folder):
        return []
    ending = _ending(folder, workspace)
    tell_mlflow(folder, workspace, ending, write_ending(folder, ending))
    return [f"job {folder.id} is {ending.state}: {ending.note}"]


def _ending(folder: JobFolder, workspace: Workspace) -> Ending:
    """Nobody saw how it ended. Where MLflow says that its run finished, it did."""
    if folder.stop_file.exists():
        return Ending("stopped", note="its supervisor was killed after it was told to stop")
    run_id = text(last_progress(folder.progress_file).get("run_id"))
    statuses = set((runs_of_job(workspace.tracking_uri, folder.id, run_id) or {}).values())
    if statuses == {"FINISHED"}:
        return Ending("done", note="its supervisor was killed; MLflow says that the run finished")
    return Ending("lost", note="its supervisor was killed, or the machine restarted")


def _retry_mlflow(folder: JobFolder) -> None:
    marker = unsettled_file(folder)
    try:
        waited = time.time() - marker.stat().st_mtime
    except FileNotFoundError:
        return
    verdict = read_unsettled(folder)
    if verdict is None:
        marker.unlink(missing_ok=True)
    elif waited > _RETRY_SECONDS:
        settle_runs(folder, verdict)
