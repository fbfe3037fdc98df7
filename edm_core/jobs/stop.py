"""Stopping a job: SIGTERM through its supervisor, SIGKILL after a grace. Signals go to identified processes only."""

import os
import signal
import time
from dataclasses import asdict

from edm_core.errors import JobError
from edm_core.files import write_json
from edm_core.jobs.ending import Ending, tell_mlflow, write_ending
from edm_core.jobs.engines import Engine, engine_of, look
from edm_core.jobs.folder import HEARTBEAT_SECONDS, JobFolder, find_job, load_job
from edm_core.jobs.identity import ProcessId
from edm_core.jobs.queue import withdraw
from edm_core.jobs.slots import try_lock
from edm_core.jobs.supervisor import GRACE_SECONDS
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.outcome import Outcome
from edm_core.workspace import Workspace

_LOOK_SECONDS = 0.05
_AFTER_KILL_SECONDS = 20.0
_ENGINE_LOOK_SECONDS = 0.3


def stop_job(workspace: Workspace, ref: str, *, grace: float = GRACE_SECONDS, wait: bool = True) -> Outcome:
    """Stop a job; a waiting one leaves the queue. With `wait`, return when it has ended.

    `grace` is the time in seconds that the command has after SIGTERM before it is killed. A job that had ended is left
    as it is, and the outcome says so. Raises NotFoundError for an unknown job, JobError when it does not end.
    """
    job = find_job(workspace.jobs_dir, ref)
    if not job.active:
        return _outcome(job, f"Job {job.id} had already ended ({job.state})", "warning")
    folder = JobFolder(workspace.jobs_dir / job.id)
    engine = engine_of(folder)
    # Written before anybody is asked: whoever ends the job then knows why.
    write_json(folder.stop_file, {"at": time.time(), "grace": grace})
    if engine is None:
        _ask(folder, workspace, grace)
    else:
        _ask_engine(engine, folder, workspace)
    if wait:
        job = _wait(folder, grace) if engine is None else _wait_elsewhere(engine, folder, workspace, grace)
        return _outcome(
            job, f"Stopped job {job.id}" if job.state == "stopped" else f"Job {job.id} has ended: {job.state}"
        )
    return _outcome(load_job(folder), f"Stopping job {job.id}")


def cancel_job(workspace: Workspace, ref: str) -> Outcome:
    """Take a waiting job out of the queue. Raises JobError when it does not wait any more."""
    job = find_job(workspace.jobs_dir, ref)
    if job.state != "queued":
        raise JobError(
            f"job {job.id} does not wait: it is {job.state}", f"`edm jobs stop {job.id}` stops a running one."
        )
    return stop_job(workspace, job.id)


def _ask(folder: JobFolder, workspace: Workspace, grace: float) -> None:
    supervisor = folder.supervisor()
    if supervisor is not None and supervisor.send(signal.SIGTERM):
        return
    lock = try_lock(folder.lock_file)
    if lock is None:
        # A supervisor on another machine, or one that is just starting: it will find the request.
        return
    try:
        _end_without_supervisor(folder, workspace, grace)
    finally:
        os.close(lock)


def _end_without_supervisor(folder: JobFolder, workspace: Workspace, grace: float) -> None:
    child = folder.child()
    if child is None:
        write_ending(folder, Ending("stopped", note="stopped before it started"))
        withdraw(folder)
        return
    child.send(signal.SIGTERM, group=True)
    _wait_for_end(child, grace)
    if child.send(signal.SIGKILL, group=True):
        _wait_for_end(child, _AFTER_KILL_SECONDS)
    ending = Ending("stopped", note="stopped without its supervisor")
    tell_mlflow(folder, workspace, ending, write_ending(folder, ending))


def _wait_for_end(child: ProcessId, seconds: float) -> None:
    patience = time.monotonic() + seconds
    while child.alive() and time.monotonic() < patience:
        time.sleep(_LOOK_SECONDS)


def _wait(folder: JobFolder, grace: float) -> JobSnapshot:
    supervisor = folder.supervisor()
    far = supervisor is not None and supervisor.elsewhere()
    patience = time.monotonic() + grace + _AFTER_KILL_SECONDS + (HEARTBEAT_SECONDS if far else 0.0)
    while time.monotonic() < patience:
        job = load_job(folder)
        if not job.active:
            return job
        time.sleep(_LOOK_SECONDS)
    raise JobError(f"job {folder.id} has not ended yet", "It was asked to; `edm jobs list` shows when it has.")


def _ask_engine(engine: Engine, folder: JobFolder, workspace: Workspace) -> None:
    try:
        engine.stop(workspace, folder)
    except JobError:
        # Nobody was asked, so nothing may end the job later on the strength of it.
        folder.stop_file.unlink(missing_ok=True)
        raise


def _wait_elsewhere(engine: Engine, folder: JobFolder, workspace: Workspace, grace: float) -> JobSnapshot:
    """Ask the engine until it says that the job has ended; without grace when that is over."""
    now = time.monotonic()
    hard_at, patience = now + grace + _ENGINE_LOOK_SECONDS, now + grace + _AFTER_KILL_SECONDS + _AFTER_KILL_SECONDS
    while time.monotonic() < patience:
        job = look(workspace, folder)
        if not job.active:
            return job
        if time.monotonic() > hard_at:
            engine.stop(workspace, folder, hard=True)
            hard_at = float("inf")
        time.sleep(_ENGINE_LOOK_SECONDS)
    raise JobError(f"job {folder.id} has not ended yet", "It was asked to; `edm jobs list` shows when it has.")


def _outcome(job: JobSnapshot, title: str, level: str = "done") -> Outcome:
    return Outcome(
        title, job.title, "warning" if level == "warning" else "done", ("runs", "jobs"),
        {"jobs": [asdict(job)]},
    )  # fmt: skip
