"""`[registry] on_promote`: a command of the user that runs after each move."""

import os
import tempfile
import time

from edm_core.commandlog import record_command
from edm_core.processes import run_in_shell
from edm_core.snapshots.promotion import StageMove
from edm_core.workspace import Workspace

_SECONDS = 60.0
_WORDS = 2000


def run_hook(workspace: Workspace, made: StageMove) -> str:
    """Run the hook, where there is one, in the workspace; what went wrong in a few words, "" when nothing did.

    It gets EDM_MODEL, EDM_VERSION, EDM_FROM_STAGE, EDM_TO_STAGE, EDM_WHO, EDM_KIND and EDM_REASON. The move stands
    whatever the hook does: it tells others, it does not decide.
    """
    command = workspace.settings.registry.on_promote
    if not command:
        return ""
    facts = {
        "EDM_MODEL": made.name, "EDM_VERSION": str(made.version), "EDM_FROM_STAGE": made.from_stage,
        "EDM_TO_STAGE": made.to_stage, "EDM_WHO": made.who, "EDM_KIND": made.kind, "EDM_REASON": made.reason,
    }  # fmt: skip
    argv, started = ["/bin/sh", "-c", command], time.time()
    with tempfile.TemporaryFile() as said:
        status = run_in_shell(command, workspace.root, {**os.environ, **facts}, said, _SECONDS)
        if status is None:
            told = f"did not end within {_SECONDS:g} s"
            record_command(workspace.command_log_path, argv, workspace.root, started, None, told)
            return f"on_promote {told}"
        said.seek(0)
        words = said.read()[-_WORDS:].decode(errors="replace").strip()
    record_command(workspace.command_log_path, argv, workspace.root, started, status, words if status else "")
    last = words.splitlines()[-1:]
    return f"on_promote ended with {status}{': ' if last else ''}{''.join(last)}" if status else ""
