"""`[registry] on_promote`: a command of the user that runs after each move."""

import os

from edm_core.commandlog import run_logged
from edm_core.errors import StoreError
from edm_core.snapshots.promotion import StageMove
from edm_core.workspace import Workspace

_SECONDS = 60.0


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
    try:
        done = run_logged(
            ["/bin/sh", "-c", command],
            cwd=workspace.root,
            log=workspace.command_log_path,
            env={**os.environ, **facts},
            timeout=_SECONDS,
        )
    except StoreError as error:
        return f"on_promote: {error.message}"
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        return f"on_promote ended with {done.returncode}{': ' if last else ''}{''.join(last)}"
    return ""
