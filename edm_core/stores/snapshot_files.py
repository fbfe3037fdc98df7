"""Files of parts for snapshots on disk: written whole or not at all, readable for nobody else, few of them kept."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from edm_core.stores.run_codec import DamagedError

_MAGIC = b"edm runs\n"
_LARGEST = 1 << 31


def write_parts(path: Path, parts: Iterable[bytes], kept: int) -> bool:
    """Of the files of this kind (what stands before the `-`), `kept` stay: those that were wanted last. False where the
    disk takes nothing, which only costs time at the next start."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC)
                for part in parts:
                    file.write(len(part).to_bytes(8, "big"))
                    file.write(part)
            Path(name).replace(path)
            _prune(path, kept)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
            raise
    except OSError:
        return False
    return True


def _prune(path: Path, kept: int) -> None:
    kind = path.name.partition("-")[0]
    found = sorted(path.parent.glob(f"{kind}-*"), key=lambda one: one.stat().st_mtime_ns, reverse=True)
    for one in found[kept:]:
        one.unlink(missing_ok=True)


def read_parts(path: Path) -> Iterator[bytes]:
    """The parts, one after the other. Raises OSError, DamagedError."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DamagedError("no such file of ours")
        while size := file.read(8):
            length = int.from_bytes(size, "big")
            if length > _LARGEST:
                raise DamagedError("a part that long was never written")
            part = file.read(length)
            if len(part) != length:
                raise DamagedError("cut off")
            yield part


def throw_away(path: Path) -> None:
    """A damaged one, which is only a copy of what the store says."""
    with contextlib.suppress(OSError):
        path.unlink()
