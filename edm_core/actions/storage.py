"""What the disk holds, and whether this machine may be lost."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from edm_core.actions.push_history import older_versions
from edm_core.actions.trash import slots
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import StoreError
from edm_core.gitrepo import git_of
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import pushed_remotes, run_folders
from edm_core.stores.dvc_pointer import cache_root, cached_files, read_pointer
from edm_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class OnlyHere:
    """Something kept that no remote is known to hold."""

    run: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """Sizes in bytes; what is only here; `safe` when this machine may be lost without losing anything kept."""

    run_folders: int
    cache: int
    cache_shared: int
    """Bytes of the cache that more than one pointer on disk names."""
    trash: int
    trash_entries: int
    trash_oldest: float | None
    artifacts: int
    disk_free: int
    only_here: tuple[OnlyHere, ...] = ()
    commits: int = 0
    """Commits that no git remote holds."""
    uncommitted: tuple[str, ...] = ()
    """Pointers that are not committed as they are."""
    not_kept: tuple[str, ...] = ()
    """Run folders that nobody kept: they are only here, by choice."""
    remote: str = ""
    git_remote: bool = False
    safe: bool = field(default=False)

    @property
    def bytes_only_here(self) -> int:
        return sum(item.bytes for item in self.only_here)


def storage_status(workspace: Workspace) -> StorageStatus:
    """Measure and compare; reads only, and asks no remote (what was verified there is remembered)."""
    git = git_of(workspace)
    folders = run_folders(workspace)
    remote = DvcRepo(workspace).default_remote()
    only_here = _only_here(workspace)
    has_remote = bool(git.remotes())
    commits = len(git.unpushed()) if has_remote else int(git.answer("rev-list", "--count", "HEAD") or 0)
    kept = [name for name, folder in folders.items() if folder.pointer is not None]
    runs = workspace.relative(workspace.runs_dir) if workspace.runs_dir.exists() else workspace.settings.runs.dir
    uncommitted = tuple(name for name in kept if _differs(workspace, f"{runs}/{name}.dvc"))
    trash = slots(workspace)
    cache = cache_root(workspace.root)
    return StorageStatus(
        size_of(workspace.runs_dir), size_of(cache), _shared(workspace), size_of(workspace.trash_dir), len(trash),
        min((slot.discarded_at for slot in trash), default=None),
        size_of(workspace.artifacts_dir) + size_of(workspace.root / "mlruns"),
        shutil.disk_usage(workspace.root).free, only_here, commits, uncommitted,
        tuple(name for name, folder in folders.items() if folder.state is DataState.UNTRACKED),
        remote[0] if remote else "", has_remote, not only_here and not commits and not uncommitted,
    )  # fmt: skip


def _differs(workspace: Workspace, path: str) -> bool:
    return git_of(workspace).at("HEAD", path) != (workspace.root / path).read_text(encoding="utf-8")


def _only_here(workspace: Workspace) -> tuple[OnlyHere, ...]:
    """Kept runs and the data set that were not seen on the remote, runs changed since, older unpushed versions."""
    found = []
    for name, folder in run_folders(workspace).items():
        target = folder.pointer
        if target is None:
            continue
        if folder.state is DataState.CHANGED:
            found.append(OnlyHere(name, size_of(workspace.runs_dir / name), "changed since it was kept"))
        elif not pushed_remotes(workspace, target.hash):
            found.append(OnlyHere(name, target.size, "not seen on the remote"))
    if workspace.data_pointer.exists():
        data = read_pointer(workspace.data_pointer)
        if not pushed_remotes(workspace, data.hash):
            found.append(OnlyHere("data", data.size, "not seen on the remote"))
    for dvc_hash in older_versions(workspace):
        found.append(OnlyHere(f"older version {dvc_hash[:8]}", 0, "named by an unpushed commit"))
    return tuple(found)


def _shared(workspace: Workspace) -> int:
    """Bytes of cache objects that several pointers name."""
    times: dict[str, int] = {}
    for path in workspace.runs_dir.glob("*.dvc") if workspace.runs_dir.is_dir() else ():
        try:
            files = cached_files(workspace.root, read_pointer(path).hash) or {}
        except (StoreError, OSError):
            continue
        for md5 in set(files.values()):
            times[md5] = times.get(md5, 0) + 1
    objects = cache_root(workspace.root) / "files" / "md5"
    shared = (objects / md5[:2] / md5[2:] for md5, count in times.items() if count > 1)
    return sum(path.stat().st_size for path in shared if path.exists())


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, hard links counted once; 0 when it is not there."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(Path(here) / name)
            except FileNotFoundError:
                continue
            key = (status.st_dev, status.st_ino)
            if status.st_nlink == 1 or key not in seen:
                seen.add(key)
                total += status.st_size
    return total
