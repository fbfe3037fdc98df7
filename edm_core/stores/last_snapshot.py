"""The runs of a store as they were read last, on disk: the next start shows them at once.

Nothing in it is secret (no address, no password), nobody else may read it, and one that is damaged or of another
version counts as none: it is only a copy of what the store says.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from edm_core.snapshots.run_columns import RunColumns
from edm_core.stores.run_codec import DamagedError, decode, encode
from edm_core.workspace import Workspace

_MAGIC = b"edm runs\n"
_LARGEST = 1 << 31
KEPT = 4
"""Files of at most some 40 MB each, for 100,000 runs."""


def snapshot_path(workspace: Workspace, experiment: str, best_of: Sequence[str]) -> Path:
    """One file for each store, experiment and set of metrics whose best values are in it; the name tells none."""
    minimised = [(key, workspace.settings.metrics.minimised(key)) for key in best_of]
    named = repr((workspace.tracking_uri, experiment, minimised)).encode()
    return workspace.cache_dir / f"runs-{hashlib.blake2b(named, digest_size=8).hexdigest()}"


def save_snapshot(
    workspace: Workspace, experiment: str, best_of: Sequence[str], columns: RunColumns, mark: Any, taken: float
) -> bool:
    """Keep these for the next start; False where the disk takes nothing, which only costs time then."""
    path = snapshot_path(workspace, experiment, best_of)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC)
                for part in encode(columns, [taken, mark]):
                    file.write(len(part).to_bytes(8, "big"))
                    file.write(part)
            Path(name).replace(path)
            _prune(path.parent)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
            raise
    except OSError:
        return False
    return True


def _prune(folder: Path) -> None:
    """Other experiments and sets of metrics leave files of their own; those that were not wanted for longest go."""
    kept = sorted(folder.glob("runs-*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in kept[KEPT:]:
        path.unlink(missing_ok=True)


def last_snapshot(
    workspace: Workspace, experiment: str, best_of: Sequence[str]
) -> tuple[RunColumns, Any, float] | None:
    """(columns, mark, when they were read); None where there is none that can be used."""
    path = snapshot_path(workspace, experiment, best_of)
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise DamagedError("no such file of ours")
            columns, (taken, mark) = decode(_parts(file))
            return columns, mark, min(float(taken), time.time())
    except FileNotFoundError:
        return None
    except (OSError, DamagedError, ValueError, TypeError):
        with contextlib.suppress(OSError):
            path.unlink()
        return None


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while size := file.read(8):
        length = int.from_bytes(size, "big")
        if length > _LARGEST:
            raise DamagedError("a part that long was never written")
        part = file.read(length)
        if len(part) != length:
            raise DamagedError("cut off")
        yield part
