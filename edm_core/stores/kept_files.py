"""Whether a kept run folder still is what was kept, found by stat where that is enough.

`.edm/kept/RUN.json` remembers size and modification time of each file as it was kept. Where that record is missing or
of another version (a teammate's run that came by `dvc pull`), the names and sizes are compared with DVC's own
list and small files are hashed; what was found is remembered.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edm_core.files import write_json
from edm_core.stores.dvc_pointer import Pointer, cached_files
from edm_core.workspace import Workspace

Stamps = dict[str, tuple[int, int]]
"""Relative path with forward slashes → (size in bytes, modification time in ns)."""

HASH_BYTES = 64_000_000
"""How many bytes one load may hash to find out whether touched files changed."""


def kept_dir(workspace: Workspace) -> Path:
    return workspace.edm_dir / "kept"


def stamps(folder: Path | str) -> Stamps:
    """Every file below `folder` as it is now."""
    found: Stamps = {}
    pending = [("", str(folder))]
    while pending:
        prefix, path = pending.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append((f"{name}/", entry.path))
                    continue
                try:  # ten thousand times in a load, where `suppress` costs as much as the stat
                    status = entry.stat()
                    found[name] = (status.st_size, status.st_mtime_ns)
                except FileNotFoundError:
                    pass
    return found


def remember_kept(workspace: Workspace, run_folder: Path, dvc_hash: str) -> None:
    """Note that the folder, as it is now, is what the pointer with this hash names."""
    write_json(kept_dir(workspace) / f"{run_folder.name}.json", {"hash": dvc_hash, "files": stamps(run_folder)})


class KeptChecker:
    """Answers for one load of the table, which may hash HASH_BYTES in all."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._left = HASH_BYTES
        self._kept = kept_dir(workspace)

    def changed(self, folder: Path, now: Stamps, pointer: Pointer) -> bool:
        """Whether the folder's files, which are `now` so, differ from what `pointer` names.

        Files too large to hash here count as changed when they were touched, because assuming so loses nothing.
        """
        record = self._record(folder.name, pointer.hash)
        if record == now:
            return False
        if record is not None and (record.keys() != now.keys() or any(record[n][0] != now[n][0] for n in now)):
            return True
        listed = cached_files(self._workspace.root, pointer.hash)
        if listed is None:
            return record is not None or self._differs_in_size(now, pointer)
        if listed.keys() != now.keys() or self._differs_in_size(now, pointer):
            return True
        touched = [name for name in now if record is None or record[name] != now[name]]
        return self._verified_otherwise(folder, touched, now, listed, pointer, known=record is not None)

    def _verified_otherwise(
        self, folder: Path, touched: list[str], now: Stamps, listed: Mapping[str, str], pointer: Pointer, known: bool
    ) -> bool:
        size = sum(now[name][0] for name in touched)
        if size > self._left:
            # Without a record the names and the total size agree with what was pulled, which is what DVC trusts too.
            return known
        self._left -= size
        if any(_md5(folder / name) != listed[name] for name in touched):
            return True
        with suppress(OSError):
            remember_kept(self._workspace, folder, pointer.hash)
        return False

    def _record(self, run: str, dvc_hash: str) -> Stamps | None:
        try:
            with open(f"{self._kept}/{run}.json", "rb") as file:  # noqa: PTH123 (a thousand times in a load)
                record = json.loads(file.read())
            if record["hash"] != dvc_hash:
                return None
            return {name: tuple(stamp) for name, stamp in record["files"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    @staticmethod
    def _differs_in_size(now: Stamps, pointer: Pointer) -> bool:
        return len(now) != pointer.nfiles or sum(size for size, _ in now.values()) != pointer.size


def _md5(path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return ""
