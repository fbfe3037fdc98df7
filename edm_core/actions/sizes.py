"""How much lies below a folder, and what kept runs share in DVC's cache."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from edm_core.errors import StoreError
from edm_core.snapshots.storage import Shared, Size
from edm_core.stores.dvc_pointer import cache_root, cached_files, read_pointer
from edm_core.workspace import Workspace

Stop = Callable[[], bool]
_LOOK_EVERY = 256


def never() -> bool:
    """For one who waits to the end."""
    return False


def within(seconds: float) -> Stop:
    """Stop after so long."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def measure(folder: Path, stop: Stop = never) -> Size:
    """Bytes of all files below a folder, hard links counted once; nothing where it is not there.

    `stop` is asked every few hundred files: a count that it ends is not `whole`.
    """
    linked: set[tuple[int, int]] = set()
    total = count = 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(f"{here}/{name}")
            except FileNotFoundError:
                continue
            count += 1
            if count % _LOOK_EVERY == 0 and stop():
                return Size(total, count, False)
            key = (status.st_dev, status.st_ino)
            if status.st_nlink == 1 or key not in linked:
                if status.st_nlink > 1:
                    linked.add(key)
                total += status.st_size
    return Size(total, count)


def together(*sizes: Size) -> Size:
    """Several folders as one."""
    return Size(
        sum(one.bytes for one in sizes), sum(one.files for one in sizes), all(one.whole for one in sizes)
    )  # fmt: skip


def shared(workspace: Workspace, stop: Stop = never) -> tuple[Shared, ...]:
    """What several kept runs have in common in the cache, by the runs that share it, the most bytes first."""
    owners: dict[str, set[str]] = defaultdict(set)
    for path in sorted(workspace.runs_dir.glob("*.dvc")) if workspace.runs_dir.is_dir() else ():
        try:
            files = cached_files(workspace.root, read_pointer(path).hash) or {}
        except (StoreError, OSError):
            # Doctor names pointers that cannot be read; here they share nothing.
            continue
        for md5 in files.values():
            owners[md5].add(path.stem)
        if stop():
            break
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    objects = cache_root(workspace.root) / "files" / "md5"
    for md5, runs in owners.items():
        if len(runs) > 1:
            try:
                groups[tuple(sorted(runs))].append((objects / md5[:2] / md5[2:]).stat().st_size)
            except FileNotFoundError:
                continue
    found = (Shared(runs, sum(sizes), len(sizes)) for runs, sizes in groups.items())
    return tuple(sorted(found, key=lambda one: (-one.bytes, one.runs)))
