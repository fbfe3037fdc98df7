"""All runs of a store as they were read last, on disk: the next start reads only what changed since.

Nothing in it is secret (no address, no password), nobody else may read it, and one that is damaged or of another
version counts as none: it is only a copy of what the store says.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edm_core.snapshots.run_columns import RunColumns
from edm_core.stores.run_codec import DamagedError, decode, encode
from edm_core.stores.snapshot_files import read_parts, throw_away, write_parts
from edm_core.workspace import Workspace

KEPT = 4
"""Files of at most some 40 MB each, for 100,000 runs."""


def snapshot_path(workspace: Workspace, experiment: str, best_of: Sequence[str]) -> Path:
    """One file for each store, experiment and set of metrics whose best values are in it; the name tells none."""
    minimised = [(key, workspace.settings.metrics.minimised(key)) for key in best_of]
    named = repr((workspace.tracking_uri, experiment, minimised)).encode()
    return workspace.cache_dir / f"runs-{hashlib.blake2b(named, digest_size=8).hexdigest()}"


def save_snapshot(
    workspace: Workspace, experiment: str, best_of: Sequence[str], columns: RunColumns, mark: Any, taken: float
) -> bool:
    """Keep these for the next start; False where the disk takes nothing, which only costs time then."""
    path = snapshot_path(workspace, experiment, best_of)
    return write_parts(path, encode(columns, [taken, mark]), KEPT)


def last_snapshot(
    workspace: Workspace, experiment: str, best_of: Sequence[str]
) -> tuple[RunColumns, Any, float] | None:
    """(columns, mark, when they were read); None where there is none that can be used."""
    path = snapshot_path(workspace, experiment, best_of)
    try:
        columns, (taken, mark) = decode(read_parts(path))
        return columns, mark, min(float(taken), time.time())
    except FileNotFoundError:
        return None
    except (OSError, DamagedError, ValueError, TypeError):
        throw_away(path)
        return None
