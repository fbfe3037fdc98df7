"""What the disk holds, part by part, so that a screen can show each as soon as it is known."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edm_core.actions.safety import safety
from edm_core.actions.sizes import Stop, measure, never, shared, together
from edm_core.actions.trash import Slot, slots
from edm_core.snapshots.storage import Safety, Shared, Size
from edm_core.stores.dvc_pointer import cache_root
from edm_core.workspace import Workspace

RUNS, CACHE, TRASH, ARTIFACTS = "run folders", "cache", "trash", "MLflow artifacts"
PARTS = (RUNS, CACHE, TRASH, ARTIFACTS)
"""What is measured, in the order in which it is shown."""


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """Everything at once, for the command line."""

    safety: Safety
    sizes: Mapping[str, Size]
    shared: tuple[Shared, ...]
    trash: tuple[Slot, ...]
    disk_free: int


def folders_of(workspace: Workspace, part: str) -> tuple[Path, ...]:
    """The folders that a part of the disk's use is made of."""
    return {
        RUNS: (workspace.runs_dir,),
        CACHE: (cache_root(workspace.root),),
        TRASH: (workspace.trash_dir,),
        ARTIFACTS: (workspace.artifacts_dir, workspace.root / "mlruns"),
    }[part]


def part_size(workspace: Workspace, part: str, stop: Stop = never) -> Size:
    """How much a part takes; `stop` cuts the counting short."""
    return together(*(measure(folder, stop) for folder in folders_of(workspace, part)))


def disk_free(workspace: Workspace) -> int:
    """Free bytes of the disk that the workspace lies on."""
    return shutil.disk_usage(workspace.root).free


def storage_status(workspace: Workspace) -> StorageStatus:
    """Measure and compare all of it; reads only, and asks no remote (what was verified there is remembered)."""
    return StorageStatus(
        safety(workspace), {part: part_size(workspace, part) for part in PARTS}, shared(workspace),
        tuple(slots(workspace)), disk_free(workspace),
    )  # fmt: skip
