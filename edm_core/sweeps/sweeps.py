"""Starting, stopping, resuming and reading sweeps."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edm_core.errors import EdmError, JobError
from edm_core.files import write_json
from edm_core.jobs.folder import JobFolder, load_job, load_jobs
from edm_core.jobs.local import launch_here
from edm_core.jobs.new_folder import JobRequest
from edm_core.jobs.slots import locked
from edm_core.jobs.stop import stop_job
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.sweeps import SweepSnapshot
from edm_core.sweeps.report import read_trials
from edm_core.sweeps.spec import SweepSpec, check_spec, create_sweep, load_spec, sweeps_dir
from edm_core.workspace import Workspace

_GRACE = 30.0


def start_sweep(workspace: Workspace, spec: SweepSpec) -> SweepSnapshot:
    """Check the sweep, write it down and start its driver. Raises EdmError that names what cannot be."""
    folder = create_sweep(workspace, check_spec(workspace, spec))
    return _drive(workspace, folder)


def resume_sweep(workspace: Workspace, name: str, trials: int = 0) -> SweepSnapshot:
    """Start the driver of a sweep again; with `trials`, until it has so many. Raises JobError while one drives it."""
    folder = sweeps_dir(workspace) / name
    spec = load_spec(folder)
    if trials and trials != spec.trials:
        raw = json.loads((folder / "sweep.json").read_bytes())
        write_json(folder / "sweep.json", {**raw, "trials": trials})
    return _drive(workspace, folder)


def stop_sweep(workspace: Workspace, name: str) -> Outcome:
    """Stop the driver, which stops its trials. Those are made again when the sweep goes on."""
    sweep = load_sweep(workspace, name)
    if sweep.state not in ("running", "queued"):
        raise JobError(
            f"sweep {name} does not run: it is {sweep.state}", f"`edm sweep --resume {name}` goes on with it."
        )
    stop_job(workspace, sweep.job_id, grace=_GRACE)
    # A driver that was killed before it could: its trials are stopped from here.
    for trial in load_sweep(workspace, name).trials:
        folder = JobFolder(workspace.jobs_dir / trial.job_id)
        if folder.path.exists() and load_job(folder).active and not folder.stop_file.exists():
            stop_job(workspace, trial.job_id, wait=False)
    found = load_sweep(workspace, name)
    return Outcome(f"Stopped sweep {name}", f"{found.ended} of {found.wanted} trials made", stale=("runs", "jobs"))


def load_sweep(workspace: Workspace, name: str) -> SweepSnapshot:
    """What the sweep's folder says. Raises NotFoundError, JobError where it is damaged."""
    folder = sweeps_dir(workspace) / name
    spec, job = load_spec(folder), _driver(workspace, folder)
    return SweepSnapshot(
        name=spec.name, state=job.state if job else "stopped", metric=spec.metric, minimised=spec.minimised,
        wanted=spec.trials, sampler=spec.sampler, pruner=spec.pruner, params=spec.params, trials=read_trials(folder),
        job_id=job.id if job else "", parent_run_id=_text(folder / "parent.json", "run_id"), created=spec.created,
        note=job.note if job else "its driver was never started: resume it",
    )  # fmt: skip


def load_sweeps(workspace: Workspace) -> tuple[SweepSnapshot, ...]:
    """All sweeps, newest first; a damaged one is left out, and asking for it by name says why."""
    found = []
    for name in _names(sweeps_dir(workspace)):
        try:
            found.append(load_sweep(workspace, name))
        except EdmError:
            continue
    return tuple(sorted(found, key=lambda sweep: -sweep.created))


def sweep_of_job(workspace: Workspace, job: JobSnapshot) -> str:
    """The name of the sweep whose driver, or one of whose trials, this job is; "" for any other."""
    for sweep in load_sweeps(workspace):
        if job.id == sweep.job_id or any(trial.job_id == job.id for trial in sweep.trials):
            return sweep.name
    return ""


def _drive(workspace: Workspace, folder: Path) -> SweepSnapshot:
    """Start the driver as a job that takes no slot; one at a time."""
    with locked(folder / "lock"):
        job = _driver(workspace, folder)
        if job is not None and job.active:
            raise JobError(
                f"sweep {folder.name} goes on already: job {job.id}", f"`edm sweep --show {folder.name}` tells."
            )
        words = [sys.executable, "-P", "-m", "edm_core.sweeps.driver", str(folder)]
        made = launch_here(workspace, JobRequest(words, f"sweep {folder.name}", free=True))
        write_json(folder / "driver.json", {"job_id": made.id})
    return load_sweep(workspace, folder.name)


def _driver(workspace: Workspace, folder: Path) -> JobSnapshot | None:
    """The job of the newest driver; also of one whose launcher was killed before it noted the id."""
    noted = _text(folder / "driver.json", "job_id")
    known = JobFolder(workspace.jobs_dir / noted)
    if noted and known.path.exists():
        return load_job(known)
    return next((job for job in load_jobs(workspace.jobs_dir) if _drives(job.command, folder)), None)


def _drives(command: Sequence[str], folder: Path) -> bool:
    return "edm_core.sweeps.driver" in command and str(folder) in command


def _text(path: Path, key: str) -> str:
    try:
        return str(json.loads(path.read_bytes())[key])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return []
