"""Which folder belongs to which run, although either may have been renamed, moved, or come from a teammate."""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path, PurePosixPath

from edm_core.snapshots.run_columns import RunColumns
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


def tagged_folder(workspace: Workspace, run_dir: str) -> str:
    """Name of the folder that a tag edm.run_dir names, when it is one of the folder of runs; else ""."""
    path = PurePosixPath(run_dir)
    return path.name if path.parent == PurePosixPath(workspace.settings.runs.dir) else ""


def assign_folders(
    workspace: Workspace, columns: RunColumns, folders: Mapping[str, RunFolder], trashed: Container[str]
) -> dict[int, str]:
    """Position of a run → folder name: by tag, else by the run id inside the folder, else by name; one run a folder.

    `trashed` (run ids): such a run takes only a folder that names it itself, because a newer run may have its name.
    """
    assigned: dict[int, str] = {}
    if not folders:
        return assigned
    claims: dict[str, list[int]] = {}
    for at, name in tagged(columns, "edm.run_dir", lambda text: tagged_folder(workspace, text)):
        if name in folders and columns.run_ids[at] not in trashed:
            claims.setdefault(name, []).append(at)
    for name, claimers in claims.items():
        inside = columns.places.get(folder_run_id(workspace, folders[name])) if len(claimers) > 1 else None
        assigned[inside if inside in claimers else claimers[0]] = name
    _by_content(workspace, columns, folders, assigned)
    _by_name(workspace, columns, folders, trashed, assigned)
    return assigned


def tagged(columns: RunColumns, key: str, meaning: Callable[[str], str]) -> Iterator[tuple[int, str]]:
    """(position, meaning of the text) of the runs with this tag whose text means something."""
    texts = columns.tags.get(key)
    if texts is None:
        return
    meanings = [meaning(word) for word in texts.words]
    for at, code in enumerate(texts.codes):
        if code >= 0 and meanings[code]:
            yield at, meanings[code]


def _by_content(
    workspace: Workspace, columns: RunColumns, folders: Mapping[str, RunFolder], assigned: dict[int, str]
) -> None:
    for name in folders.keys() - set(assigned.values()):
        at = columns.places.get(folder_run_id(workspace, folders[name]))
        if at is not None and at not in assigned:
            assigned[at] = name


def _by_name(
    workspace: Workspace, columns: RunColumns, folders: Mapping[str, RunFolder], trashed: Container[str],
    assigned: dict[int, str],
) -> None:  # fmt: skip
    free = folders.keys() - set(assigned.values())
    for at, name in enumerate(columns.names):
        if name not in free or at in assigned or columns.run_ids[at] in trashed:
            continue
        if folder_run_id(workspace, folders[name]) in ("", columns.run_ids[at]):
            assigned[at] = name
            free = free - {name}
