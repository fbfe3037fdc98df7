"""`[launch] on_end`: a command of the user's that runs whenever a job has ended."""

import os
import signal
import subprocess
import sys

from edm_core.jobs.folder import JobFolder, load_job
from edm_core.workspace import Workspace

_TIMEOUT = 60.0


def run_hook(folder: JobFolder, workspace: Workspace) -> None:
    """Run the command in a shell, in the workspace, with the job in EDM_JOB_* variables; its words go to our stderr.

    Nothing that it does changes the job: a failure is only written down.
    """
    command = workspace.settings.launch.on_end
    if not command:
        return
    job = load_job(folder)
    env = {
        **os.environ, "EDM_JOB_ID": job.id, "EDM_JOB_DIR": job.folder, "EDM_JOB_STATE": job.state,
        "EDM_JOB_TITLE": job.title, "EDM_JOB_EXIT_CODE": "" if job.exit_code is None else str(job.exit_code),
        "EDM_RUN_ID": job.run_id, "EDM_RUN_NAME": job.run_name,
    }  # fmt: skip
    child = subprocess.Popen(
        command, shell=True, cwd=workspace.root, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr,
        start_new_session=True,
    )  # fmt: skip
    try:
        status = child.wait(_TIMEOUT)
    except subprocess.TimeoutExpired:
        # With all that it started.
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        print(f"on_end did not end within {_TIMEOUT:g} s: {command}", file=sys.stderr)  # noqa: T201 - stderr is a file in the job folder
        return
    if status:
        print(f"on_end ended with {status}: {command}", file=sys.stderr)  # noqa: T201 - stderr is a file in the job folder
