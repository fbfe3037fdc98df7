"""`[launch] on_end`: a command of the user's that runs whenever a job has ended."""

import os
import sys

from edm_core.jobs.folder import JobFolder, load_job
from edm_core.processes import run_in_shell
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
    status = run_in_shell(command, workspace.root, env, sys.stderr, _TIMEOUT)
    if status:
        sys.stderr.write(f"on_end ended with {status}: {command}\n")
    elif status is None:
        sys.stderr.write(f"on_end did not end within {_TIMEOUT:g} s: {command}\n")
