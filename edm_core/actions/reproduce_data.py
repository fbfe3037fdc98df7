"""The data of a run in a worktree: the version that it was trained on, out of the workspace's own cache."""

import shutil
from pathlib import Path

from edm_core.actions.keep_files import hash_in
from edm_core.actions.keep_plan import read_text
from edm_core.actions.versions import is_cached
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.files import write_atomic
from edm_core.gitrepo import git_of
from edm_core.lock import Say
from edm_core.snapshots.runs import RunRow
from edm_core.stores.dvc_pointer import cache_root
from edm_core.workspace import Workspace


def bring_data(workspace: Workspace, tree: Path, row: RunRow, say: Say) -> str:
    """Check the data set out into the worktree `tree`; what to tell of it. Raises ActionError when it is nowhere."""
    if not (tree / ".dvc").is_dir():
        return ""
    _share_cache(workspace, tree)
    pointer = tree / "data.dvc"
    wanted, committed = row.tags.get("edm.data_version", ""), hash_in(read_text(pointer))
    if not (wanted or committed):
        return ""
    told = ""
    if wanted and wanted != committed:
        write_atomic(pointer, _pointer_of(workspace, wanted))
        told = f"data {wanted[:8]}, as the run names it; its commit has {committed[:8] or 'none'}"
    dvc = DvcRepo(Workspace(tree, workspace.settings), say)
    if is_cached(workspace, wanted or committed):
        dvc.must("checkout", "--", "data.dvc")
    else:
        name, address = dvc.require_remote()
        say(f"dvc pull data.dvc from {name} ({address})")
        hint = "The data of that run are neither in the cache here nor on the remote: ask who trained it."
        dvc.must("pull", "-r", name, "--", "data.dvc", hint=hint)
    return told or f"data {(wanted or committed)[:8]}, as committed"


def _share_cache(workspace: Workspace, tree: Path) -> None:
    """The worktree's DVC has the workspace's cache, its credentials, and its remotes by whole paths."""
    own = DvcRepo(workspace)
    local = own.require() / "config.local"
    if local.exists():
        shutil.copy2(local, tree / ".dvc" / "config.local")
    dvc = DvcRepo(Workspace(tree, workspace.settings))
    dvc.must("cache", "dir", "--local", str(cache_root(workspace.root)))
    remote = own.default_remote()
    if remote and remote[1] and "://" not in remote[1] and not Path(remote[1]).is_absolute():
        dvc.must("remote", "modify", "--local", remote[0], "url", str((own.require() / remote[1]).resolve()))


def _pointer_of(workspace: Workspace, wanted: str) -> str:
    """The text of the data.dvc that names this version, from any commit. Raises ActionError when none does."""
    git = git_of(workspace)
    for commit in git.answer("log", "--all", "--format=%H", "--", "data.dvc").split():
        text = git.at(commit, "data.dvc")
        if text and hash_in(text) == wanted:
            return text
    on_disk = read_text(workspace.data_pointer)
    if on_disk and hash_in(on_disk) == wanted:
        return on_disk
    raise ActionError(
        f"no commit has the data version {wanted[:8]} that the run was trained on", "`git fetch --all` may bring it."
    )
