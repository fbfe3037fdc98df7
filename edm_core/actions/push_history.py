"""Which versions go to the remote, and whether they have arrived, object by object."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from edm_core.actions.keep_files import hash_in
from edm_core.commandlog import run_logged
from edm_core.dvcrepo import DvcRepo, said
from edm_core.errors import ActionError
from edm_core.gitrepo import child_env, git_of
from edm_core.stores.data_states import pushed_remotes, remember_pushed
from edm_core.workspace import Workspace


def older_versions(workspace: Workspace) -> list[str]:
    """Hashes named by pointers in unpushed commits that no pointer on disk names, and that nobody verified yet."""
    git = git_of(workspace)
    on_disk = {hash_in(path.read_text(encoding="utf-8")) for path in workspace.runs_dir.glob("*.dvc")}
    found: dict[str, None] = {}
    for commit in git.unpushed():
        changed = git.answer(
            "diff-tree", "--no-commit-id", "--root", "-r", "--relative", "--name-only", "--diff-filter=AM", commit
        )
        for path in changed.splitlines():
            if path.endswith(".dvc"):
                found[hash_in(git.at(commit, path))] = None
    return [h for h in found if h and h not in on_disk and not pushed_remotes(workspace, h)]


def arrive(workspace: Workspace, hashes: Sequence[str], remote: str, *, send: bool) -> list[str]:
    """See every object of these versions on the remote, after sending (with `send`) what it lacks; remember those seen.

    Returns the versions that are there whole. Raises ActionError when the remote cannot be asked.
    """
    if not hashes:
        return []
    seen = [str(value) for value in _ask(workspace, hashes, remote, "send" if send else "check")["seen"]]
    for value in seen:
        remember_pushed(workspace, value, remote)
    return seen


def on_remote(workspace: Workspace, objects: Sequence[str], remote: str) -> set[str]:
    """Those of these single objects that the remote holds. Raises ActionError when it cannot be asked."""
    return {str(value) for value in _ask(workspace, objects, remote, "single")["seen"]} if objects else set()


def _ask(workspace: Workspace, hashes: Sequence[str], remote: str, mode: str) -> dict[str, Any]:
    DvcRepo(workspace).require()
    script = [sys.executable, "-P", "-m", "edm_core.actions.push_objects", mode, remote]
    # Hashes go through stdin: thousands of them do not fit on a command line.
    done = run_logged(
        script, cwd=workspace.root, log=workspace.command_log_path, env=child_env(), stdin="\n".join(hashes)
    )
    if done.returncode != 0:
        raise ActionError(f"{remote} could not be asked what it holds: {said(done)}", f"edm remote check {remote}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
