"""Starting the command of a job: its environment, its log, and the record of which process it is."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edm_core.jobs.context import ensure_context, python_path
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.identity import this_process
from edm_core.jobs.slots import Slot
from edm_core.workspace import Workspace


def resolve(command: Sequence[str]) -> list[str]:
    """The command as it is run: `edm` is this very installation, wherever PATH points."""
    if command[0] == "edm":
        # -P keeps the modules of the user's folder from standing in for the standard library's.
        return [sys.executable, "-P", "-m", "edm_core.cli.main", *command[1:]]
    return list(command)


def child_environment(folder: JobFolder, workspace: Workspace, env: Mapping[str, str]) -> dict[str, str]:
    """`env` with what joins the command to its job and to the workspace's MLflow; what the user has set stays."""
    context = ensure_context(workspace.edm_dir / "context")
    joined = {
        "EDM_JOB_ID": folder.id, "EDM_JOB_DIR": str(folder.path), "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": python_path(context, env),
    }  # fmt: skip
    wanted = {
        "MLFLOW_TRACKING_URI": workspace.tracking_uri,
        "MLFLOW_EXPERIMENT_NAME": workspace.settings.tracking.experiment,
    }
    if "MLFLOW_EXPERIMENT_ID" in env:
        del wanted["MLFLOW_EXPERIMENT_NAME"]
    return {**wanted, **env, **joined}


def start_child(
    folder: JobFolder, command: Sequence[str], cwd: Path, env: Mapping[str, str], slot: Slot | None
) -> "subprocess.Popen[bytes]":
    """Start the command in a process group of its own, with both outputs in the log. Raises OSError where it cannot.

    child.json is written by the new process itself before it becomes the command: no moment exists at which the
    command runs and nobody could know.
    """
    log = os.open(folder.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def record() -> None:
        _record_this(folder)

    try:
        return subprocess.Popen(
            resolve(command),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            pass_fds=() if slot is None else (slot.handle,),
            preexec_fn=record,
        )
    finally:
        os.close(log)


def _record_this(folder: JobFolder) -> None:
    temporary = folder.path / ".child.json.tmp"
    temporary.write_text(json.dumps(this_process().as_json()), encoding="utf-8")
    temporary.rename(folder.child_file)
