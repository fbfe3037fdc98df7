"""What keep looks at before it changes anything, and writes down so that it can be finished or undone."""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from edm_core.errors import ActionError, EdmError
from edm_core.gitrepo import git_of
from edm_core.naming import check_run_name
from edm_core.processes import ProcessMark
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace

TAGS = ("edm.kept", "edm.kept_commit")


@dataclass(frozen=True, slots=True)
class Before:
    """Two files as they were: text on disk (None: not there) and index entry (`mode sha`, "" when untracked)."""

    pointer: str | None
    ignore: str | None
    pointer_index: str
    ignore_index: str


@dataclass(frozen=True, slots=True)
class KeepPlan:
    """Everything that keep, its undo and its recovery need; paths are relative to the workspace."""

    run_name: str
    run_id: str
    run_dir: str
    head: str
    before: Before
    excluded: tuple[str, ...]
    slot: str
    """Id of the trash entry that the excluded files go to; "" when there are none."""
    tags: Mapping[str, str | None]
    """edm.kept and edm.kept_commit as they were (None: not set)."""

    @property
    def pointer(self) -> str:
        return f"{self.run_dir}.dvc"

    @property
    def ignore(self) -> str:
        return (Path(self.run_dir).parent / ".gitignore").as_posix()

    @property
    def paths(self) -> tuple[str, str]:
        return self.pointer, self.ignore

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "KeepPlan":
        known = {name: raw[name] for name in ("run_name", "run_id", "run_dir", "head", "slot", "tags")}
        return cls(**known, before=Before(**raw["before"]), excluded=tuple(raw["excluded"]))


def make_plan(workspace: Workspace, row: RunRow, new_slot: str) -> KeepPlan:
    """Read everything that keep is going to change. `new_slot` names the trash entry, should one be needed."""
    git = git_of(workspace)
    excluded = excluded_files(workspace, workspace.root / row.run_dir)
    pointer = f"{row.run_dir}.dvc"
    ignore = (Path(row.run_dir).parent / ".gitignore").as_posix()
    before = Before(
        read_text(workspace.root / pointer), read_text(workspace.root / ignore),
        git.index_entry(pointer), git.index_entry(ignore),
    )  # fmt: skip
    tags = {name: row.tags.get(name) for name in TAGS}
    return KeepPlan(row.name, row.run_id, row.run_dir, git.head(), before, excluded, new_slot if excluded else "", tags)


def check_can_keep(workspace: Workspace, row: RunRow, partial: bool) -> None:
    """Raise an EdmError that says why this run cannot be kept now."""
    if not row.run_dir:
        raise ActionError(f"run {row.name} has no folder here, so there is nothing to keep", "`edm pull` may bring it.")
    folder = workspace.root / row.run_dir
    check_run_name(folder.name)
    if not folder.is_dir():
        there = (workspace.root / f"{row.run_dir}.dvc").exists()
        hint = f"edm pull {row.name}" if there else "edm doctor"
        raise ActionError(f"the folder {row.run_dir} of run {row.name} is not here", hint)
    if not any(folder.iterdir()):
        raise ActionError(f"{row.run_dir} is empty", f"edm discard {row.name}")
    _check_inside(workspace, folder)
    check_not_running(row, folder, "keep", partial)
    if row.status in ("FAILED", "KILLED", "SCHEDULED") and not partial:
        raise ActionError(f"run {row.name} did not finish: {row.status}", f"edm keep {row.name} --partial")
    if row.run_id and ours(row, folder) and not best_checkpoint(folder).exists() and not partial:
        raise ActionError(
            f"{row.run_dir}/checkpoints/best.pt is missing: nothing could be loaded from the kept run",
            f"`edm keep {row.name} --partial` keeps it as it is.",
        )


def check_not_running(row: RunRow, folder: Path, verb: str, partial: bool = False) -> None:
    """Raise ActionError while a job or a training still works on the run."""
    if row.job is not None and row.job.active:
        raise ActionError(f"run {row.name} is still {row.job.state} (job {row.job.id})", f"edm runs stop {row.name}")
    if _locked(folder / "checkpoints"):
        raise ActionError(f"a training works on {row.run_dir}", f"edm runs stop {row.name}")
    if row.status != "RUNNING":
        return
    mark = ProcessMark.from_tags(row.tags)
    if mark.pid and mark.here() and mark.alive():
        raise ActionError(f"run {row.name} is still running (pid {mark.pid})", f"edm runs stop {row.name}")
    if not partial:
        where = f" on {mark.host}" if mark.host and not mark.here() else ""
        consent = {"keep": "--partial", "runs delete": "--force"}.get(verb, f"--force --yes-really {row.name}")
        anyway = f"edm {verb} {row.name} {consent}"
        hint = (
            f"If it died: `edm doctor --fix`, or `{anyway}`."
            if mark.pid and mark.here()
            else f"If it died: `{anyway}`."
        )
        raise ActionError(f"run {row.name} is RUNNING{where}, says MLflow", hint)


def _locked(folder: Path) -> bool:
    """Whether a training holds the folder's lock (the kernel's, so it is never stale)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _check_inside(workspace: Workspace, folder: Path) -> None:
    real = folder.resolve()
    if not real.is_relative_to(workspace.root):
        raise ActionError(
            f"{folder} is a link to {real}, outside of the workspace",
            "DVC keeps only folders inside of its repository.",
        )


def ours(row: RunRow, folder: Path) -> bool:
    """Whether our own training made this folder, so that it must hold best.pt."""
    return "edm.run_dir" in row.tags and (folder / "metadata.yaml").exists()


def best_checkpoint(folder: Path) -> Path:
    return folder / "checkpoints" / "best.pt"


def check_loads(checkpoint: Path) -> None:
    """Raise ActionError when the checkpoint does not load as plain tensors. Slow: it imports torch."""
    import pickle

    import torch

    from edm_core.training.checkpoint import why_not_loaded

    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise ActionError(
            f"{checkpoint} does not load: {why_not_loaded(error)[:200]}",
            "Keep it as it is with --partial, or train on with --resume.",
        ) from error


def excluded_files(workspace: Workspace, folder: Path) -> tuple[str, ...]:
    """Files of the run folder that `[keep] exclude` leaves out, relative to it."""
    patterns = workspace.settings.keep.exclude
    if not patterns:
        return ()
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return tuple(sorted(name for name in names if any(fnmatch(name, pattern) for pattern in patterns)))


def read_text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise EdmError(f"{path} cannot be read: {error}", "`git checkout -- FILE` restores it.") from error
