"""The data state of every run folder, without DVC: pointers, folders, what was kept and what was verified as pushed."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edm_core.errors import StoreError
from edm_core.snapshots.runs import DataState
from edm_core.stores.dvc_pointer import Pointer, read_pointer
from edm_core.stores.kept_files import KeptChecker, remember_kept, stamps
from edm_core.stores.pushed import pushed_hashes
from edm_core.workspace import Workspace

__all__ = ["RunFolder", "TrashEntry", "data_states", "pointer", "remember_kept", "run_folders", "trash_entries"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """What the disk knows of one run folder; `modified` is its modification time in Unix seconds, 0 where it is not."""

    name: str
    state: DataState
    present: bool
    pointer: Pointer | None = None
    modified: float = 0.0
    problem: str = ""
    """Why the pointer cannot be read; "" where all is well."""


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """A discarded run folder: `original` is where it lay, relative to the workspace; `discarded_at` Unix seconds."""

    id: str
    run_name: str
    run_id: str
    original: str
    discarded_at: float
    bytes: int


def pointer(path: Path) -> Pointer:
    """Hash, size and number of files of the pointer RUN.dvc.

    Raises StoreError when it is not there or is no pointer.
    """
    try:
        return read_pointer(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", "Is the run kept? `edm keep RUN`.") from error


def data_states(workspace: Workspace) -> dict[str, DataState]:
    """Run folder name → state, for every folder and every pointer in the folder of runs."""
    return {name: folder.state for name, folder in run_folders(workspace).items()}


def run_folders(workspace: Workspace, only: set[str] | None = None) -> dict[str, RunFolder]:
    """Every run folder and every pointer (of the names in `only`, when given), by name."""
    folders, pointers = _listed(workspace.runs_dir)
    trashed = {Path(entry.original).name for entry in trash_entries(workspace)}
    pushed = pushed_hashes(workspace)
    checker = KeptChecker(workspace)
    found = {}
    for name in sorted(folders.keys() | pointers):
        if only is None or name in only:
            path = workspace.runs_dir / name
            found[name] = _run_folder(checker, path, folders.get(name), name in pointers, name in trashed, pushed)
    return found


def folder_at(workspace: Workspace, path: Path) -> RunFolder:
    """A run folder that lies elsewhere in the workspace than among the others."""
    modified = path.stat().st_mtime if path.is_dir() else None
    pointed = path.with_name(f"{path.name}.dvc").is_file()
    return _run_folder(KeptChecker(workspace), path, modified, pointed, False, pushed_hashes(workspace))


def _run_folder(
    checker: KeptChecker, folder: Path, modified: float | None, pointed: bool, trashed: bool, pushed: set[str]
) -> RunFolder:
    present = modified is not None
    target, problem = None, ""
    if pointed:
        try:
            target = pointer(folder.with_name(f"{folder.name}.dvc"))
        except StoreError as error:
            problem = error.message
    if present and not pointed:
        state = DataState.UNTRACKED
    elif not (files := stamps(folder)):
        state = DataState.TRASHED if trashed else DataState.MISSING
    elif target is None or checker.changed(folder, files, target):
        state = DataState.CHANGED
    else:
        state = DataState.PUSHED if target.hash in pushed else DataState.KEPT
    return RunFolder(folder.name, state, present, target, modified or 0.0, problem)


def _listed(runs_dir: Path) -> tuple[dict[str, float], set[str]]:
    folders, pointers = {}, set()
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(runs_dir) as entries:
        for entry in entries:
            # A name that is no UTF-8 can be neither shown nor added by DVC.
            if entry.name.startswith(".") or (not entry.name.isascii() and _undecodable(entry.name)):
                continue
            if entry.is_dir():
                with suppress(FileNotFoundError):
                    folders[entry.name] = entry.stat().st_mtime
            elif entry.name.endswith(".dvc"):
                pointers.add(entry.name.removesuffix(".dvc"))
    return folders, pointers


def _undecodable(name: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in name)


def trash_entries(workspace: Workspace) -> tuple[TrashEntry, ...]:
    """What lies in the trash, newest first; an entry whose folder is gone is not in it."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(workspace.trash_dir) as entries:
        for item in entries:
            path = Path(item.path)
            try:
                raw = json.loads((path / "entry.json").read_bytes())
                entry = TrashEntry(
                    item.name, str(raw["run_name"]), str(raw.get("run_id") or ""), str(raw["original"]),
                    float(raw["discarded_at"]), int(raw.get("bytes") or 0),
                )  # fmt: skip
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                continue
            if (path / "folder").is_dir():
                found.append(entry)
    return tuple(sorted(found, key=lambda entry: entry.discarded_at, reverse=True))
