"""Checks of files: checkpoints gone, folders that git or another store holds, artifacts of nobody, leftovers."""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlparse

from edm_core.actions import trash
from edm_core.actions.doctor import Case
from edm_core.actions.doctor_cache import fetch_object, object_path
from edm_core.actions.keep_plan import best_checkpoint, ours
from edm_core.actions.mends import use_checkpoint
from edm_core.errors import ActionError
from edm_core.gitrepo import git_of, said
from edm_core.snapshots.findings import Finding
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import run_folders
from edm_core.stores.dvc_pointer import cached_files
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.runs import load_runs
from edm_core.stores.sqlite_schema import database_path, reading
from edm_core.workspace import Workspace

_BEST = "checkpoints/best.pt"
_KEPT = (DataState.KEPT, DataState.PUSHED, DataState.CHANGED)
_LEFT_SECONDS = 3600.0
"""A temporary file younger than this may be in use."""


def _rows(workspace: Workspace) -> Sequence[RunRow]:
    return load_runs(workspace, ALL_EXPERIMENTS).rows


def checkpoints(workspace: Workspace) -> Iterable[Case]:
    """Finished runs of ours whose best checkpoint, or whole folder, is gone."""
    folders = run_folders(workspace)
    for row in _rows(workspace):
        place = row.run_dir or row.tags.get("edm.run_dir", "")
        folder = workspace.root / place
        if row.status != "FINISHED" or not place:
            continue
        if row.data_state is DataState.NONE and not row.deleted and not folder.exists():
            yield Case(Finding(
                "checkpoints", "warning", f"the folder of run {row.name} is gone, and it was not kept", str(folder),
                f"bring it back from a copy, or take the run away too: edm discard {row.name}",
            ))  # fmt: skip
            continue
        here = row.data_state not in (DataState.NONE, DataState.MISSING, DataState.TRASHED)
        if here and ours(row, folder) and not best_checkpoint(folder).exists():
            pointer = folders[folder.name].pointer if folder.name in folders else None
            files = cached_files(workspace.root, pointer.hash) if pointer is not None else None
            yield _checkpoint(workspace, row, folder, (files or {}).get(_BEST, ""))


def _checkpoint(workspace: Workspace, row: RunRow, folder: Path, md5: str) -> Case:
    message, place = f"run {row.name} has no best.pt", str(best_checkpoint(folder))
    if row.data_state in _KEPT and md5:
        finding = Finding("checkpoints", "error", message, place, "put back the one that was kept")
        return Case(finding, partial(_put_back, workspace, row, folder, md5))
    others = sorted(
        (path for path in (folder / "checkpoints").glob("*.pt") if path.is_file()),
        key=lambda path: (path.name == "last.pt", path.stat().st_mtime),
    )
    if not others:
        by_hand = f"no other checkpoint is here: edm train --resume, or edm discard {row.name}"
        return Case(Finding("checkpoints", "error", message, place, by_hand))
    source = others[-1].relative_to(folder).as_posix()
    mend = f"take a copy of {source} for it, which need not be the best"
    return Case(
        Finding("checkpoints", "error", message, place, mend, by_choice=True),
        partial(use_checkpoint, workspace, row, source),
    )


def _put_back(workspace: Workspace, row: RunRow, folder: Path, md5: str) -> str:
    """Only this file: what else has changed in the folder stays as it is."""
    import shutil

    if not object_path(workspace, md5).exists():
        fetch_object(workspace, f"{row.run_dir}.dvc")
    target = best_checkpoint(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.edm.tmp")
    shutil.copyfile(object_path(workspace, md5), temporary)
    temporary.replace(target)
    return f"put back {_BEST} of {row.name}"


def tracked_twice(workspace: Workspace) -> Iterable[Case]:
    """Run folders whose files git holds: DVC refuses to keep them ("already tracked by SCM")."""
    git = git_of(workspace)
    runs = workspace.settings.runs.dir.rstrip("/")
    inside = [path.removeprefix(f"{runs}/").split("/") for path in git.answer("ls-files", "--", runs).splitlines()]
    for name in sorted({parts[0] for parts in inside if len(parts) > 1}):
        folder = f"{runs}/{name}"
        finding = Finding(
            "tracked_twice", "error", f"files of {name} are in git, so DVC cannot keep it", f"git ls-files {folder}",
            f"git rm -r --cached -- {folder}, and commit that (the files stay here)",
        )  # fmt: skip
        yield Case(finding, partial(_untrack, workspace, folder))


def _untrack(workspace: Workspace, folder: str) -> str:
    git = git_of(workspace)
    others = git.answer("diff", "--cached", "--name-only", "--relative").splitlines()
    done = git.run("rm", "-r", "--cached", "--quiet", "--", folder)
    if done.returncode != 0:
        raise ActionError(f"git did not let go of {folder}: {said(done)}", "Try it by hand.")
    if others:
        return f"git lets go of {folder} with your next commit (other changes are staged, so none was made)"
    done = git.run("commit", "--quiet", "-m", f"Leave {Path(folder).name} to DVC")
    if done.returncode != 0:
        return f"git lets go of {folder} with your next commit (git did not commit now: {said(done)})"
    return f"git has let go of {folder}, which is still here"


def artifacts(workspace: Workspace) -> Iterable[Case]:
    """Folders of artifacts in the workspace of which its store knows neither run nor logged model."""
    database = database_path(workspace.tracking_uri)
    if database is None or not database.exists() or not workspace.artifacts_dir.is_dir():
        return
    with reading(database) as base:
        # A server of somebody's may keep its artifacts here too: only this store's experiments are looked at.
        places = {_local(str(one)) for (one,) in base.execute("SELECT artifact_location FROM experiments")}
        known = {str(one) for (one,) in base.execute("SELECT run_uuid FROM runs")}
        if base.execute("SELECT count(*) FROM sqlite_master WHERE name = 'logged_models'").fetchone()[0]:
            known |= {str(one) for (one,) in base.execute("SELECT model_id FROM logged_models")}
    inside = [path for path in sorted(workspace.artifacts_dir.iterdir()) if path.is_dir() and path in places]
    lost = [path for folder in inside for path in _artifact_folders(folder) if path.name not in known]
    for path in lost:
        size = trash.measure(path)
        finding = Finding(
            "artifacts", "warning", f"artifacts of {path.name} belong to no run or model of this store",
            f"{path}, {size[0]:,} bytes in {size[1]} files", "move them to the trash",
        )  # fmt: skip
        yield Case(finding, partial(_discard_artifacts, workspace, path, size))


def _local(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


def _artifact_folders(experiment: Path) -> Iterator[Path]:
    """Those of runs and of logged models (`models/m-…`), by MLflow's names; other folders are somebody else's."""
    for path in sorted(experiment.iterdir()):
        if path.is_dir() and len(path.name) == 32 and all(c in "0123456789abcdef" for c in path.name):
            yield path
    yield from sorted(path for path in (experiment / "models").glob("m-*") if path.is_dir())


def _discard_artifacts(workspace: Workspace, path: Path, size: tuple[int, int]) -> str:
    row = RunRow("", path.name)
    slot = trash.open_slot(workspace, row, trash.EXCLUDED, workspace.relative(path.parent), size)
    trash.move(path, slot.content / path.name)
    return f"moved to the trash: `edm storage trash restore {slot.id}` brings them back"


def temporaries(workspace: Workspace) -> Iterable[Case]:
    """Half-written files of ours that killed processes left."""
    before = time.time() - _LEFT_SECONDS
    places = [(workspace.edm_dir, "**/.*.tmp"), (workspace.runs_dir, ".*.tmp"), (workspace.root, ".*.tmp")]
    held = (workspace.trash_dir, workspace.edm_dir / "damaged")
    found = [
        path
        for folder, pattern in places if folder.is_dir()
        for path in folder.glob(pattern)
        if path.is_file() and path.stat().st_mtime < before and not any(path.is_relative_to(one) for one in held)
    ]  # fmt: skip
    if found:
        finding = Finding(
            "temporaries", "info", f"{len(found)} half-written files of a killed process are left", str(found[0]),
            "remove them",
        )  # fmt: skip
        yield Case(finding, partial(_remove, found))


def _remove(paths: list[Path]) -> str:
    for path in paths:
        path.unlink(missing_ok=True)
    return f"removed {len(paths)} files"
