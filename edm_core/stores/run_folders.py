"""Which folder belongs to which run, although either may have been renamed, moved, or come from a teammate."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from edm_core.snapshots.runs import RunRow
from edm_core.stores.data_states import RunFolder
from edm_core.workspace import Workspace

_RUN_ID = re.compile(rb"^run_id:[ \t]*[\"']?([0-9A-Za-z_-]+)", re.MULTILINE)
_HEAD_BYTES = 16_384

_cache: dict[str, tuple[int, str]] = {}
"""metadata.yaml → (its modification time, the run id in it)."""


def metadata_run_id(folder: Path) -> str:
    """The run id in a folder's metadata.yaml; "" where it names none."""
    path = folder / "metadata.yaml"
    try:
        modified = path.stat().st_mtime_ns
        known = _cache.get(str(path))
        if known is None or known[0] != modified:
            with path.open("rb") as file:
                match = _RUN_ID.search(file.read(_HEAD_BYTES))
            known = _cache[str(path)] = (modified, match[1].decode() if match else "")
    except OSError:
        return ""
    return known[1]


def folder_run_id(workspace: Workspace, folder: RunFolder) -> str:
    """The run id that a folder's metadata.yaml, or a kept run's pointer, names; "" where neither does."""
    inside = metadata_run_id(workspace.runs_dir / folder.name) if folder.present else ""
    if inside:
        return inside
    given = folder.pointer.meta.get("run_id") if folder.pointer is not None else None
    return given if isinstance(given, str) else ""


def tagged_folder(workspace: Workspace, row: RunRow) -> str:
    """Name of the folder that the run's tag edm.run_dir names, when it is one of the folder of runs; else ""."""
    path = PurePosixPath(row.tags.get("edm.run_dir", ""))
    return path.name if path.parent == PurePosixPath(workspace.settings.runs.dir) else ""


def assign_folders(
    workspace: Workspace, rows: Iterable[RunRow], folders: Mapping[str, RunFolder], trashed: Mapping[str, str]
) -> dict[str, str]:
    """Run id → folder name: by tag, else by the run id inside the folder, else by name; one run a folder.

    `trashed` (run id → trash entry): such a run takes only a folder that names it itself, because a newer run may have
    its name.
    """
    listed = list(rows)
    assigned: dict[str, str] = {}
    claims: dict[str, list[str]] = {}
    for row in listed:
        name = tagged_folder(workspace, row)
        if name in folders and row.run_id not in trashed:
            claims.setdefault(name, []).append(row.run_id)
    for name, ids in claims.items():
        inside = folder_run_id(workspace, folders[name]) if len(ids) > 1 else ""
        assigned[inside if inside in ids else ids[0]] = name
    _by_content(workspace, {row.run_id for row in listed}, folders, assigned)
    _by_name(workspace, listed, folders, trashed, assigned)
    return assigned


def _by_content(
    workspace: Workspace, ids: set[str], folders: Mapping[str, RunFolder], assigned: dict[str, str]
) -> None:
    for name in folders.keys() - set(assigned.values()):
        inside = folder_run_id(workspace, folders[name])
        if inside in ids and inside not in assigned:
            assigned[inside] = name


def _by_name(
    workspace: Workspace, rows: list[RunRow], folders: Mapping[str, RunFolder], trashed: Mapping[str, str],
    assigned: dict[str, str],
) -> None:  # fmt: skip
    free = folders.keys() - set(assigned.values())
    for row in rows:
        if row.name not in free or row.run_id in assigned or row.run_id in trashed:
            continue
        if folder_run_id(workspace, folders[row.name]) in ("", row.run_id):
            assigned[row.run_id] = row.name
            free = free - {row.name}
