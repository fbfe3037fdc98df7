"""May this machine be lost? Everything kept that no remote is known to hold, and every commit that is only here."""

from edm_core.actions.push_history import older_versions
from edm_core.actions.sizes import measure
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import StoreError
from edm_core.gitrepo import GitRepo, git_of
from edm_core.jobs.transfers import load_transfers
from edm_core.snapshots.runs import DataState
from edm_core.snapshots.storage import LocalCommit, OnlyHere, Safety
from edm_core.stores.data_states import RunFolder, run_folders
from edm_core.stores.dvc_pointer import read_pointer
from edm_core.stores.pushed import pushed_remotes
from edm_core.workspace import Workspace

COMMITS_SHOWN = 100
DATA = "data"
"""What the data set is called among kept runs."""
_NOT_SEEN = "not seen on the remote"


def safety(workspace: Workspace) -> Safety:
    """Look and compare; reads only, and asks no remote."""
    git = git_of(workspace)
    folders = run_folders(workspace)
    remote = DvcRepo(workspace).default_remote()
    commits, count = local_commits(git)
    return Safety(
        only_here=tuple(_only_here(workspace, folders)),
        commits=commits,
        commit_count=count,
        uncommitted=_uncommitted(workspace, git, folders),
        not_kept=tuple(name for name, folder in folders.items() if folder.state is DataState.UNTRACKED),
        remote=remote[0] if remote else "",
        git_remote=bool(git.remotes()),
        rate=push_rate(workspace),
    )


def push_rate(workspace: Workspace) -> float | None:
    """Bytes a second at the end of the last push that sent something; None while there was none."""
    pushes = (found for found in load_transfers(workspace.transfers_dir) if found.verb == "push" and not found.active)
    return next((found.progress.rate for found in pushes if found.progress.rate > 0), None)


def local_commits(git: GitRepo) -> tuple[tuple[LocalCommit, ...], int]:
    """The newest commits of any branch that no git remote holds, and how many there are in all."""
    which = ["HEAD", "--branches", "--not", "--remotes"] if git.head() else ["--branches", "--not", "--remotes"]
    count = int(git.answer("rev-list", "--count", *which) or 0)
    if not count:
        return (), 0
    # With a detached HEAD no branch is pushed.
    ours = (
        set()
        if not git.branch()
        else set(git.answer("rev-list", f"--max-count={COMMITS_SHOWN}", "HEAD", "--not", "--remotes").split())
    )
    listed = git.answer("log", f"--max-count={COMMITS_SHOWN}", "--source", "--format=%H%x00%ct%x00%S%x00%s", *which)
    found = []
    for line in listed.splitlines():
        commit, at, source, subject = line.split("\0", 3)
        branch = git.branch() if source == "HEAD" else source.removeprefix("refs/heads/")
        found.append(LocalCommit(commit, subject, float(at), branch, commit in ours))
    return tuple(found), count


def _uncommitted(workspace: Workspace, git: GitRepo, folders: dict[str, RunFolder]) -> tuple[str, ...]:
    """Kept runs whose pointer is new, changed or staged since the last commit."""
    if not workspace.runs_dir.is_dir():
        return ()
    runs = workspace.relative(workspace.runs_dir)
    listed = git.answer("status", "--porcelain", "--no-renames", "-z", "--untracked-files=all", "--", runs)
    changed = {entry[3:].rpartition("/")[2] for entry in listed.split("\0")}
    return tuple(name for name, folder in folders.items() if folder.pointer and f"{name}.dvc" in changed)


def _only_here(workspace: Workspace, folders: dict[str, RunFolder]) -> list[OnlyHere]:
    """Kept runs and the data set that were not seen on the remote, runs changed since, older unpushed versions."""
    found = []
    for name, folder in folders.items():
        target = folder.pointer
        if target is None:
            continue
        if folder.state is DataState.CHANGED:
            size = measure(workspace.runs_dir / name).bytes
            found.append(OnlyHere(name, size, "changed since it was kept: keep it again"))
        elif not pushed_remotes(workspace, target.hash):
            found.append(OnlyHere(name, target.size, _NOT_SEEN))
    if workspace.data_pointer.exists():
        found += _data_set(workspace)
    for dvc_hash in older_versions(workspace, branches=True):
        found.append(OnlyHere(f"older version {dvc_hash[:8]}", 0, "named by an unpushed commit"))
    return found


def _data_set(workspace: Workspace) -> list[OnlyHere]:
    try:
        data = read_pointer(workspace.data_pointer)
    except (StoreError, OSError) as error:
        return [OnlyHere(DATA, 0, f"its pointer cannot be read: {error}")]
    return [] if pushed_remotes(workspace, data.hash) else [OnlyHere(DATA, data.size, _NOT_SEEN)]
