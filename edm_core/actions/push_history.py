"""Older versions that unpushed commits name: their objects go to the remote before git does."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence

from edm_core.actions.keep_files import hash_in
from edm_core.commandlog import run_logged
from edm_core.dvcrepo import DvcRepo
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
        for path in git.answer("diff-tree", "--no-commit-id", "--root", "-r", "--relative", "--name-only",
                               "--diff-filter=AM", commit, "--", "*.dvc").splitlines():  # fmt: skip
            found[hash_in(git.at(commit, path))] = None
    return [h for h in found if h and h not in on_disk and not pushed_remotes(workspace, h)]


def push_objects(workspace: Workspace, hashes: Sequence[str], remote: str) -> None:
    """Push these objects by hash and see them on the remote. Raises ActionError when one is not there afterwards."""
    DvcRepo(workspace).require()
    script = [sys.executable, "-P", "-m", "edm_core.actions.push_objects", remote, *hashes]
    done = run_logged(script, cwd=workspace.root, log=workspace.command_log_path, env=child_env())
    if done.returncode != 0:
        raise ActionError(
            f"older versions could not be pushed: {_last(done)}",
            "`edm doctor` tells which versions the cache has lost; `dvc push --all-commits` does it by hand.",
        )
    for dvc_hash in json.loads(done.stdout.splitlines()[-1]):
        remember_pushed(workspace, str(dvc_hash), remote)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines: Iterable[str] = [line for line in done.stderr.splitlines() if line.strip()]
    return list(lines)[-1] if lines else f"exit status {done.returncode}"
