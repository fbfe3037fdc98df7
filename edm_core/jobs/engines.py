"""The engines that run jobs elsewhere than on this machine, behind one protocol.

Each keeps the job's folder as the truth: it fills the same files, and engine.json with what only it can say.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edm_core.jobs.engine_settings import SlurmSettings
from edm_core.jobs.folder import JobFolder, load_job, load_jobs
from edm_core.jobs.local import launch_here
from edm_core.jobs.new_folder import JobRequest
from edm_core.jobs.profiles import Profile
from edm_core.jobs.slurm import Slurm
from edm_core.jobs.ssh import Ssh
from edm_core.jobs.states import LOCAL
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace


class Engine(Protocol):
    """What runs jobs elsewhere. All but `ask` raise JobError with the engine's own words."""

    name: str

    def launch(self, workspace: Workspace, profile: Profile, request: JobRequest) -> JobSnapshot:
        """Make the job's folder, hand the job over, and return at once."""

    def ask(self, workspace: Workspace, folders: Sequence[JobFolder]) -> None:
        """Note in engine.json what the engine says of these jobs, or that it does not answer."""

    def settle(self, workspace: Workspace, folder: JobFolder) -> list[str]:
        """End what the engine has ended and nobody else did, take up what a killed launcher left."""

    def stop(self, workspace: Workspace, folder: JobFolder, *, hard: bool = False) -> None:
        """Ask for the job's end, and return at once; `hard` without grace."""

    def hold(self, workspace: Workspace, folder: JobFolder, held: bool) -> None:
        """Keep a waiting job from starting, or let it go on."""

    def move(self, workspace: Workspace, folder: JobFolder, place: str) -> None:
        """Move a waiting job `first`, `last`, or before the job of an id."""


ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Slurm(), Ssh())}


def launch_with(workspace: Workspace, profile: Profile, request: JobRequest) -> JobSnapshot:
    """Launch on the profile's engine."""
    if profile.engine == LOCAL:
        return launch_here(workspace, request)
    return ENGINES[profile.engine].launch(workspace, profile, request)


def launch_all(workspace: Workspace, profile: Profile, requests: Sequence[JobRequest]) -> None:
    """Launch several; where the profile says so, as one array of Slurm."""
    engine = ENGINES.get(profile.engine)
    array = isinstance(profile.settings, SlurmSettings) and profile.settings.array > 0
    if isinstance(engine, Slurm) and array and len(requests) > 1:
        engine.launch_many(workspace, profile, requests)
        return
    for request in requests:
        launch_with(workspace, profile, request)


def engine_of(folder: JobFolder) -> Engine | None:
    """The engine of a job; None for one of this machine."""
    return ENGINES.get(str((folder.read(folder.job_file) or {}).get("engine")))


def ask_engines(workspace: Workspace, max_age: float = 0.0) -> bool:
    """Ask each engine once about all its jobs that have not ended; False where nobody had to be asked.

    With `max_age`, nothing is asked where that was done within so many seconds, by whichever process.
    """
    folders: dict[str, list[JobFolder]] = {}
    for job in load_jobs(workspace.jobs_dir):
        if job.engine in ENGINES and not (folder := JobFolder(Path(job.folder))).exit_file.exists():
            folders.setdefault(job.engine, []).append(folder)
    if not folders or not _due(workspace.edm_dir / "engines.asked", max_age):
        return False
    for name, found in folders.items():
        ENGINES[name].ask(workspace, found)
    return True


def look(workspace: Workspace, folder: JobFolder) -> JobSnapshot:
    """The job as its engine tells it now, settled where it has ended. Raises JobError when MLflow's store is away."""
    engine = engine_of(folder)
    if engine is not None and not folder.exit_file.exists():
        engine.ask(workspace, [folder])
        engine.settle(workspace, folder)
    return load_job(folder)


def _due(stamp: Path, max_age: float) -> bool:
    """Whether it was long enough ago; from now on it was just now."""
    try:
        due = time.time() - stamp.stat().st_mtime >= max_age
    except OSError:
        due = True
    if due:
        stamp.touch()
        os.utime(stamp)
    return due
