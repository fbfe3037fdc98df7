"""`edm train` without the command line: data, network, loaders, Trainer."""

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np
import torch  # noqa: TID253 - this module is only imported where training starts
from torch.utils.data import DataLoader  # noqa: TID253

from edm_core.training.audio import FeatureCache
from edm_core.training.config import TrainingConfig
from edm_core.training.dataset import Batch, Track, load_tracks, split_tracks
from edm_core.training.dataset import make_loaders as loaders_of
from edm_core.training.model import StructureModel, build_model
from edm_core.training.run_setup import resolve_config
from edm_core.training.tracking import Tracking
from edm_core.training.trainer import FitResult, Trainer
from edm_core.workspace import Workspace, find_workspace


@dataclass(frozen=True)
class Prepared:
    """All that Trainer needs."""

    config: TrainingConfig
    model: StructureModel
    train_loader: DataLoader[Batch]
    val_loader: DataLoader[Batch]


def feature_cache(workspace: Workspace) -> FeatureCache:
    """The workspace's cache of features."""
    return FeatureCache(workspace.cache_dir / "features")


def all_tracks(config: TrainingConfig, workspace: Workspace) -> list[Track]:
    """The tracks that the config names, with their features. Raises DataError."""
    return load_tracks(config, feature_cache(workspace), workspace.root)


def make_loaders(
    config: TrainingConfig, workspace: Workspace | None = None
) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    """Training and validation loaders for Trainer, from the config's annotations. Raises DataError, TrainingError."""
    tracks = all_tracks(config, workspace or find_workspace())
    return loaders_of(*split_tracks(tracks, config), config)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def prepare(config: TrainingConfig, workspace: Workspace) -> Prepared:
    """Settle the config, read the tracks and build the network from the seed."""
    config = resolve_config(workspace, config)
    train_loader, val_loader = make_loaders(config, workspace)
    seed_everything(config.seed)
    return Prepared(config, build_model(config), train_loader, val_loader)


def train(config: TrainingConfig, workspace: Workspace, stream: TextIO | None = None) -> FitResult:
    """Train as `edm train` does. Raises EdmError; KeyboardInterrupt and StopRequested once the run is ended."""
    prepared = prepare(config, workspace)
    trainer = Trainer(
        model=prepared.model,
        train_loader=prepared.train_loader,
        val_loader=prepared.val_loader,
        config=prepared.config,
        registry=Tracking(workspace.tracking_uri, workspace.settings.tracking.experiment),
        workspace=workspace,
        stream=stream,
    )
    return trainer.fit()


def absolute_paths(config: TrainingConfig, workspace: Workspace, here: Path) -> TrainingConfig:
    """The config with paths as the workspace sees them, where the user typed them in the folder `here`."""

    def seen(given: str) -> str:
        return os.path.relpath(here / given, workspace.root) if given and not Path(given).is_absolute() else given

    return replace(config, annotations=seen(config.annotations), audio_dir=seen(config.audio_dir))
