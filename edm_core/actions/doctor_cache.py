"""Checks of DVC's cache: objects that are gone or damaged, and what killed processes left in it."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from edm_core.actions.doctor import Case
from edm_core.actions.push import all_pointers
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import StoreError
from edm_core.snapshots.findings import Finding
from edm_core.stores.data_states import pointer
from edm_core.stores.dvc_pointer import cache_root, cached_files
from edm_core.workspace import Workspace


def object_path(workspace: Workspace, md5: str) -> Path:
    """Where the cache holds an object, whether it is there or not."""
    return cache_root(workspace.root) / "files" / "md5" / md5[:2] / md5[2:]


def _needed(workspace: Workspace, name: str) -> Iterator[tuple[str, str]]:
    """(path in the run folder, md5) of all that a pointer names, its list of files first (path "")."""
    target = pointer(workspace.root / name)
    yield "", target.hash
    yield from (cached_files(workspace.root, target.hash) or {}).items()


def objects(workspace: Workspace) -> Iterable[Case]:
    """Objects that a pointer names and the cache lacks, though the folder is here: they could not be pushed."""
    for name in all_pointers(workspace):
        folder = workspace.root / name.removesuffix(".dvc")
        if not folder.exists():
            continue
        gone = [
            path or "the list of files"
            for path, md5 in _needed(workspace, name)
            if not object_path(workspace, md5).exists()
        ]
        if gone:
            finding = Finding(
                "objects", "error", f"DVC's cache lacks {len(gone)} objects of {name}", ", ".join(gone[:3]),
                f"put them back from {folder.name}, or fetch them from the remote",
            )  # fmt: skip
            yield Case(finding, partial(_refill, workspace, name))


def corrupted(workspace: Workspace, budget: int | None = None) -> Iterable[Case]:
    """Objects whose content is not what their name says: all that kept runs need, or the small ones up to `budget`
    bytes."""
    chosen = _affordable(workspace, budget)
    for name in all_pointers(workspace):
        bad = [
            (path or "the list of files", md5)
            for path, md5 in _needed(workspace, name)
            if md5 in chosen and _md5(object_path(workspace, md5)) != md5.removesuffix(".dir")
        ]
        if bad:
            finding = Finding(
                "corrupted", "error", f"DVC's cache holds {len(bad)} damaged objects of {name}",
                ", ".join(f"{path} ({md5})" for path, md5 in bad[:3]),
                "move them to .edm/damaged and put them back from the folder or the remote",
            )  # fmt: skip
            yield Case(finding, partial(_replace, workspace, name, [md5 for _, md5 in bad]))


def _affordable(workspace: Workspace, budget: int | None) -> set[str]:
    """Objects to hash: all that are there and needed, or the smallest that come to no more than `budget` bytes."""
    sizes = {}
    for name in all_pointers(workspace):
        for _, md5 in _needed(workspace, name):
            with contextlib.suppress(FileNotFoundError):
                sizes[md5] = object_path(workspace, md5).stat().st_size
    if budget is None:
        return set(sizes)
    chosen = set()
    for md5, size in sorted(sizes.items(), key=lambda item: item[1]):
        budget -= size
        if budget < 0:
            break
        chosen.add(md5)
    return chosen


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _replace(workspace: Workspace, name: str, hashes: list[str]) -> str:
    for md5 in hashes:
        aside = workspace.edm_dir / "damaged" / md5
        aside.parent.mkdir(parents=True, exist_ok=True)
        object_path(workspace, md5).rename(aside)
    return _refill(workspace, name)


def _refill(workspace: Workspace, name: str) -> str:
    """Objects from files of the folder that have the right hash, else from the remote."""
    folder = workspace.root / name.removesuffix(".dvc")
    back = 0
    for path, md5 in _needed(workspace, name):
        source = folder / path
        if path and not object_path(workspace, md5).exists() and source.is_file() and _md5(source) == md5:
            _put(source, object_path(workspace, md5))
            back += 1
    lacking = [md5 for _, md5 in _needed(workspace, name) if not object_path(workspace, md5).exists()]
    if not lacking:
        return f"put {back} objects back from {folder.name}"
    fetch_object(workspace, name)
    return f"put {back} objects back from {folder.name}, fetched the others"


def fetch_object(workspace: Workspace, name: str) -> None:
    """Fetch what the cache lacks of a pointer. Raises StoreError without a remote, ActionError where it fails."""
    dvc = DvcRepo(workspace)
    if dvc.default_remote() is None:
        raise StoreError(f"objects of {name} are neither in the folder nor on a remote", "edm keep RUN")
    dvc.must("fetch", "--", name)


def _put(source: Path, target: Path) -> None:
    """Copy under a temporary name, then rename: the cache never holds half an object."""
    import shutil

    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.edm.tmp")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o444)
    temporary.replace(target)


def leftovers(workspace: Workspace) -> Iterable[Case]:
    """Half-written files that killed DVC processes left in the cache."""
    if DvcRepo(workspace).lock_holder():
        return
    root = cache_root(workspace.root)
    found = [path for path in root.rglob("*.tmp") if path.is_file()] if root.is_dir() else []
    if found:
        size = sum(path.stat().st_size for path in found)
        finding = Finding(
            "leftovers", "info", f"{len(found)} half-written files ({size:,} bytes) lie in DVC's cache",
            str(found[0]), "remove them",
        )  # fmt: skip
        yield Case(finding, partial(_remove, found))


def _remove(paths: list[Path]) -> str:
    for path in paths:
        path.unlink(missing_ok=True)
    return f"removed {len(paths)} files"
