"""The folder of a new job: there at once with all that it takes, and never two jobs that make the same run."""

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from edm_core.errors import JobError
from edm_core.files import write_json
from edm_core.jobs.folder import JobFolder, load_jobs, new_job_id
from edm_core.jobs.queue import enqueue
from edm_core.jobs.slots import locked
from edm_core.workspace import Workspace

LAUNCH_LOCK, DRAFT = ".lock", ".new-"
"""In the jobs' folder: the lock of launchers, and the beginning of a folder's name while it is being filled."""
_RUN_NAME_OPTION = "--run-name"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What is asked for. `job_id` is "" for a new one; `env` is added to the command's environment."""

    command: Sequence[str]
    title: str = ""
    run_name: str = ""
    hold: bool = False
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    profile: str = "local"
    fields: Mapping[str, str] = field(default_factory=dict)
    """The profile and the fields that the command was made from, for the form of a later run."""
    job_id: str = ""
    free: bool = False
    """Whether it takes no slot: for a job that only watches over others."""

    @property
    def run(self) -> str:
        """The name of the run that it makes, as far as it is known; "" else."""
        return self.run_name or run_name_in(self.command)


def run_name_in(command: Sequence[str]) -> str:
    """The run name that a command line gives with --run-name; "" where it gives none."""
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == _RUN_NAME_OPTION:
            return following
        if word.startswith(f"{_RUN_NAME_OPTION}="):
            return word.partition("=")[2]
    return ""


def launching(workspace: Workspace) -> AbstractContextManager[None]:
    """Held while a job's folder is made: no two launchers see the same state of things."""
    return locked(workspace.jobs_dir / LAUNCH_LOCK)


def make_folder(workspace: Workspace, request: JobRequest, engine: str = "local", **more: object) -> JobFolder:
    """Make the job's folder, with its ticket where it is a job of this machine. Call it while `launching`.

    Raises JobError when there is no command, or when an active job already makes this run.
    """
    if not request.command or not request.command[0]:
        raise JobError("there is no command to launch", "For example `edm jobs launch -- python train.py`.")
    if any("\0" in word for word in (*request.command, *request.env, *request.env.values())):
        raise JobError("the command holds a NUL, which no program can be given", "Take it out of the field.")
    _refuse_twin(workspace, request.run)
    folder, now = _free_place(workspace, request.job_id)
    draft = workspace.jobs_dir / f"{DRAFT}{folder.id}"
    title = request.title or request.run or " ".join(request.command)
    write_json(draft / "job.json", {
        "version": 1, "id": folder.id, "created": now, "title": title,
        "command": list(request.command), "run_name": request.run, "cwd": str(request.cwd or workspace.root),
        "root": str(workspace.root), "engine": engine, "env": dict(request.env), "profile": request.profile,
        "fields": dict(request.fields), "supervisor": None, "free": request.free, **more,
    })  # fmt: skip
    (draft / "log").touch()
    if engine == "local" and not request.free:
        enqueue(folder, now, request.hold)
    draft.rename(folder.path)
    return folder


def unmake(folder: JobFolder) -> None:
    """Take back a job that no engine would have. First out of sight, whoever looks at it just now."""
    draft = folder.path.with_name(f"{DRAFT}{folder.id}")
    folder.path.rename(draft)
    shutil.rmtree(draft)


def _free_place(workspace: Workspace, job_id: str) -> tuple[JobFolder, float]:
    while True:
        now = time.time()
        folder = JobFolder(workspace.jobs_dir / (job_id or new_job_id(now)))
        if not folder.path.exists():
            return folder, now
        if job_id:
            raise JobError(f"job {job_id} is there already", f"`edm jobs attach {job_id}` follows it.")


def _refuse_twin(workspace: Workspace, run_name: str) -> None:
    for job in load_jobs(workspace.jobs_dir) if run_name else ():
        if job.active and job.run_name == run_name:
            raise JobError(
                f"job {job.id} already makes run {run_name!r} and is {job.state}",
                f"Take another name, or `edm jobs stop {job.id}` first.",
            )
