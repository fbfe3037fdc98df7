"""`results.actual` of a run that was killed: what is known of it, unless a person wrote something."""

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path

from edm_core.errors import EdmError
from edm_core.training.journal import RunJournal
from edm_core.training.run_folder import RunFolder

_SHOWN = 4


def fill_actual(path: Path, how: str, otherwise: Mapping[str, float] | None = None) -> bool:
    """Say in metadata.yaml how the run ended and what it had reached; whether something was written.

    The folder's own journal is believed first, then `otherwise` (the last metrics as known elsewhere). A kept folder
    stays as it is, and so does one without metadata.yaml, or with one that cannot be read.
    """
    folder = RunFolder(path)
    if not folder.metadata_path.exists() or path.with_name(f"{path.name}.dvc").exists():
        return False
    with contextlib.suppress(EdmError, OSError):
        results = folder.read_metadata().get("results")
        if isinstance(results, dict) and str(results.get("actual") or "").strip():
            return False
        text = reached(path, otherwise or {})
        folder.set_actual(f"{how}: {text}" if text else how)
        return True
    return False


def reached(path: Path, otherwise: Mapping[str, float]) -> str:
    """`epoch 7, best val_loss 0.0398 at epoch 6, boundary_f1 0.612`; "" where nothing is known."""
    try:
        points = RunJournal(path / "logs").points()
    except (OSError, ValueError, KeyError, TypeError):
        points = []
    if not points:
        return _metrics(otherwise)
    losses = [(found["val_loss"], step) for step, _, found in points if math.isfinite(found.get("val_loss", math.nan))]
    best = ["best val_loss {:.4f} at epoch {}".format(*min(losses))] if losses else []
    last = _metrics({key: value for key, value in points[-1][2].items() if key.startswith("boundary_f1")})
    return ", ".join([f"epoch {points[-1][0]}", *best, *([last] if last else [])])


def _metrics(found: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {value:.4g}" for key, value in list(found.items())[:_SHOWN])
