"""Launching a job on this machine."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from edm_core.errors import JobError
from edm_core.files import write_json
from edm_core.jobs.ending import Ending, write_ending
from edm_core.jobs.folder import JobFolder, load_job, load_jobs, new_job_id
from edm_core.jobs.queue import enqueue, withdraw
from edm_core.jobs.slots import locked
from edm_core.jobs.supervisor import READY
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace

_HANDSHAKE_SECONDS = 20.0
LAUNCH_LOCK, DRAFT = ".lock", ".new-"
"""In the jobs' folder: the lock of launchers, and the beginning of a folder's name while it is being filled."""
_RUN_NAME_OPTION = "--run-name"


def launch(
    workspace: Workspace,
    command: Sequence[str],
    *,
    title: str = "",
    run_name: str = "",
    hold: bool = False,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    profile: str = "local",
    fields: Mapping[str, str] | None = None,
) -> JobSnapshot:
    """Start `command` as a job under a supervisor, in `cwd` (default: the workspace), and return at once.

    It runs as soon as a slot is free; with `hold`, once it is released. Whatever happens to this process afterwards,
    the job goes on. `env` is added to its environment; `profile` and `fields` say what the command was made from, for
    the form of a later run. Raises JobError when there is no command, when an active job
    already makes this run, or when the supervisor does not start.
    """
    if not command or not command[0]:
        raise JobError("there is no command to launch", "For example `edm jobs launch -- python train.py`.")
    run_name = run_name or run_name_in(command)
    with locked(workspace.jobs_dir / LAUNCH_LOCK):
        _refuse_twin(workspace, run_name)
        folder = _make_folder(workspace, {
            "title": title or run_name or " ".join(command), "command": list(command), "run_name": run_name,
            "cwd": str(cwd or workspace.root), "root": str(workspace.root), "engine": "local", "env": dict(env or {}),
            "profile": profile, "fields": dict(fields or {}), "supervisor": None,
        }, hold)  # fmt: skip
    try:
        start_supervisor(folder)
    except JobError as error:
        write_ending(folder, Ending("failed", note=error.message))
        withdraw(folder)
        raise
    return load_job(folder)


def run_name_in(command: Sequence[str]) -> str:
    """The run name that a command line gives with --run-name; "" where it gives none."""
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == _RUN_NAME_OPTION:
            return following
        if word.startswith(f"{_RUN_NAME_OPTION}="):
            return word.partition("=")[2]
    return ""


def start_supervisor(folder: JobFolder) -> bool:
    """Start the job's supervisor and wait until it has the job; False when another one has it, or it has ended.

    Raises JobError with the supervisor's own words when it does not start.
    """
    reader, writer = os.pipe()
    errors = folder.path / "supervisor.log"
    argv = [sys.executable, "-P", "-m", "edm_core.jobs.supervisor", str(folder.path), str(writer)]
    try:
        with errors.open("ab") as file:
            process = subprocess.Popen(
                argv, cwd=folder.path, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file, pass_fds=(writer,), close_fds=True,
            )  # fmt: skip
        os.close(writer)
        process.wait()
        ready, _, _ = select.select([reader], [], [], _HANDSHAKE_SECONDS)
        answer = os.read(reader, 16) if ready else b""
    finally:
        os.close(reader)
    if answer:
        return answer == READY
    said = errors.read_text(encoding="utf-8", errors="replace").strip()
    raise JobError(f"the supervisor of job {folder.id} did not start: {said[-500:]}", f"See {errors}.")


def _refuse_twin(workspace: Workspace, run_name: str) -> None:
    for job in load_jobs(workspace.jobs_dir) if run_name else ():
        if job.active and job.run_name == run_name:
            raise JobError(
                f"job {job.id} already makes run {run_name!r} and is {job.state}",
                f"Take another name, or `edm jobs stop {job.id}` first.",
            )


def _make_folder(workspace: Workspace, request: dict[str, object], hold: bool) -> JobFolder:
    """The job's folder, there at once with all that it takes: it is filled under another name first."""
    while True:
        now = time.time()
        folder = JobFolder(workspace.jobs_dir / new_job_id(now))
        if not folder.path.exists():
            break
    draft = workspace.jobs_dir / f"{DRAFT}{folder.id}"
    write_json(draft / "job.json", {"version": 1, "id": folder.id, "created": now, **request})
    (draft / "log").touch()
    enqueue(folder, now, hold)
    draft.rename(folder.path)
    return folder
