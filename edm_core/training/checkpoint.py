"""Checkpoints: what a run needs to go on, as plain types and tensors, written whole or not at all."""

import io
import pickle
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is only imported where training starts

from edm_core.errors import NotFoundError, TrainingError
from edm_core.files import write_atomic
from edm_core.training.model import StructureModel, build_model

FORMAT = 1
BEST, LAST = "best.pt", "last.pt"

Checkpoint = dict[str, Any]
"""format, epoch, state_dict, optimizer, scheduler, rng, best_val_loss, best_epoch, config, peaks, split, metrics."""


def save_checkpoint(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write to a temporary name, flush to disk and rename: a reader meets the old file or the new one."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **checkpoint}, buffer)
    write_atomic(path, buffer.getvalue())


def load_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint on the CPU, without running any code that it may hold.

    Raises NotFoundError where there is none, TrainingError where it is damaged or not one of ours.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise NotFoundError(f"{path} is not there", "`edm pull` fetches the data of a kept run.") from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"{path} cannot be read as a checkpoint: {why_not_loaded(error)}",
            "It may be damaged: pull it again, or resume from another one.",
        ) from error
    if not isinstance(loaded, dict) or "state_dict" not in loaded or "config" not in loaded:
        raise TrainingError(f"{path} is no checkpoint of `edm train`", "It lacks state_dict or config.")
    return loaded


def why_not_loaded(error: Exception) -> str:
    """In one line. Torch's own words on a pickle advise to load it with its code, which is what we never do."""
    if isinstance(error, pickle.UnpicklingError):
        return "it is damaged, or holds more than weights"
    return (str(error).splitlines() or [type(error).__name__])[0]


def model_from_checkpoint(checkpoint: Mapping[str, Any]) -> StructureModel:
    """The network with the checkpoint's weights, ready to predict. TrainingError where they do not fit."""
    try:
        model = build_model(checkpoint["config"])
        model.load_state_dict(checkpoint["state_dict"])
    except (KeyError, RuntimeError) as error:
        raise TrainingError(
            f"the checkpoint does not fit the network: {why_not_loaded(error)}",
            "It was written by another version: check out the commit of its run.",
        ) from error
    return model.eval()


def rng_state() -> dict[str, Any]:
    """The state of Python's, NumPy's and torch's generators, as plain types and tensors."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, list(internal), gauss],
        "numpy": [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position),
                  int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
    }  # fmt: skip
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_rng(state: Mapping[str, Any]) -> None:
    """Put the generators back where `rng_state` found them."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
