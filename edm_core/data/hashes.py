"""The md5 of every file of a folder, remembered by size, time and inode so that a second look costs no reading."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from edm_core.errors import DataError
from edm_core.files import write_json

CACHE_FILE = "data-hashes.json"
PRUNED = frozenset({".git", ".hg", ".dvc"})
"""Folders that DVC leaves out of what it tracks."""


def file_md5(path: Path) -> str:
    """The md5 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hashes(folder: Path, cache_dir: Path | None = None) -> dict[str, str]:
    """The md5 of every file below `folder`, by its path relative to it with forward slashes.

    With `cache_dir`, hashes of unchanged files come from there; a cache that is damaged or cannot be written only
    costs time. Raises `DataError` where a file cannot be read.
    """
    known = _read_cache(cache_dir)
    found: dict[str, str] = {}
    fresh: dict[str, list[int | str]] = {}
    for name, path in _files(folder):
        try:
            stat = path.stat()
            mark: list[int | str] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
            before = known.get(f"{folder}/{name}")
            found[name] = str(before[3]) if before is not None and before[:3] == mark else file_md5(path)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}", "check its permissions") from error
        fresh[f"{folder}/{name}"] = [*mark, found[name]]
    if cache_dir is not None and fresh != known:
        # Asking must also work in a workspace that is read-only, and with file names that are no text.
        with contextlib.suppress(OSError, UnicodeEncodeError):
            write_json(cache_dir / CACHE_FILE, fresh)
    return found


def directory_md5(hashes: dict[str, str]) -> str:
    """The md5 that DVC gives a folder: that of the JSON list of its files, as `dvc_data.hashfile.tree.Tree.digest`
    writes it (sorted by path, keys sorted, ASCII), with the suffix .dir."""
    listed = [{"md5": hashes[name], "relpath": name} for name in sorted(hashes)]
    text = json.dumps(listed, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - PRUNED)
        for name in sorted(names):
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), path


def _read_cache(cache_dir: Path | None) -> dict[str, list[int | str]]:
    if cache_dir is None:
        return {}
    try:
        known = json.loads((cache_dir / CACHE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {name: mark for name, mark in known.items() if isinstance(mark, list) and len(mark) == 4}
