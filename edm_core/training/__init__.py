"""Training: the only part of the core that names torch. Importing this package imports nothing heavy."""

import importlib
from typing import TYPE_CHECKING, Any

from edm_core.training.config import TrainingConfig

if TYPE_CHECKING:
    from edm_core.training.model import build_model
    from edm_core.training.session import make_loaders
    from edm_core.training.trainer import Trainer

__all__ = ["Trainer", "TrainingConfig", "build_model", "make_loaders"]

_LAZY = {
    "Trainer": "edm_core.training.trainer",
    "build_model": "edm_core.training.model",
    "make_loaders": "edm_core.training.session",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
