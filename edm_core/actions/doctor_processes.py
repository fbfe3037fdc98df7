"""What a killed verb may have left behind it: git or DVC still at work for it, and git's lock files."""

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.gitrepo import GitRepo, git_of
from edm_core.lock import Say, describe_holder, quiet
from edm_core.workspace import Workspace

_WRITERS = (
    "commit",
    "add",
    "rm",
    "update-index",
    "push",
    "pull",
    "merge",
    "rebase",
    "checkout",
    "switch",
    "reset",
    "gc",
)
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class StaleLock:
    """A lock file of git's whose process is gone; `age` in seconds."""

    path: Path
    age: float


def wait_for_orphans(workspace: Workspace, say: Say = quiet) -> None:
    """Wait until git and DVC, started by a verb that was killed, have ended: then what they left can be looked at.

    Raises ActionError when a git command does not end within two minutes.
    """
    git = git_of(workspace)
    writers = git_writers(git)
    for process in writers:
        say(f"waiting for {_described(process)}")
    _, alive = psutil.wait_procs(writers, timeout=_PATIENCE)
    if alive:
        raise ActionError(f"git is still at work: {_described(alive[0])}", "Wait for it, or end it, and try again.")
    dvc = DvcRepo(workspace)
    folder = dvc.folder()
    holder = dvc.lock_holder()
    if folder is not None and holder:
        say(f"waiting for DVC's lock: {holder}")
        handle = os.open(folder / "tmp" / "lock", os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)


def git_writers(git: GitRepo) -> list[psutil.Process]:
    """git processes in this repository that may be writing to it."""
    top = git.top() or git.root
    found = []
    for process in psutil.process_iter(["name"]):
        if not str(process.info["name"] or "").startswith("git"):
            continue
        try:
            inside = Path(process.cwd()).is_relative_to(top)
            words = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if inside and any(word in _WRITERS for word in words[1:6]):
            found.append(process)
    return found


def stale_locks(git: GitRepo) -> list[StaleLock]:
    """git's lock files that no living process holds."""
    folder = git.git_dir()
    names = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "next-index-*.lock", "refs/heads/**/*.lock")
    found = [path for name in names for path in folder.glob(name)]
    if not found or git_writers(git):
        return []
    now = time.time()
    return [
        StaleLock(path, now - path.stat().st_mtime) for path in found if path.exists() and not _open_somewhere(path)
    ]


def clear_stale_locks(git: GitRepo) -> list[Path]:
    """Remove git's stale lock files; what was removed."""
    gone = [lock.path for lock in stale_locks(git)]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _open_somewhere(path: Path) -> bool:
    """Whether a process has this file open (tools other than git take the same lock)."""
    target = str(path.resolve())
    for process in psutil.process_iter():
        folder = Path(f"/proc/{process.pid}/fd")
        try:
            if any(os.readlink(entry) == target for entry in folder.iterdir()):  # noqa: PTH115
                return True
        except OSError:
            continue
    return False


def _described(process: psutil.Process) -> str:
    try:
        return describe_holder(process.pid, " ".join(process.cmdline())[:120], time.time() - process.create_time())
    except psutil.NoSuchProcess:
        return f"pid {process.pid}"
