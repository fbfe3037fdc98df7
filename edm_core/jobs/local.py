"""Launching a job on this machine."""

import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edm_core.errors import JobError
from edm_core.jobs.ending import Ending, write_ending
from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.new_folder import JobRequest, launching, make_folder
from edm_core.jobs.queue import withdraw
from edm_core.jobs.supervisor import READY
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace

_HANDSHAKE_SECONDS = 20.0


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
    return launch_here(workspace, JobRequest(command, title, run_name, hold, cwd, env or {}, profile, fields or {}))


def launch_here(workspace: Workspace, request: JobRequest) -> JobSnapshot:
    """As `launch`."""
    with launching(workspace):
        folder = make_folder(workspace, request)
    try:
        start_supervisor(folder)
    except JobError as error:
        write_ending(folder, Ending("failed", note=error.message))
        withdraw(folder)
        raise
    return load_job(folder)


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
