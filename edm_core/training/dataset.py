"""Tracks, excerpts of them, and loaders whose batches depend on nothing but seed and epoch.

Each excerpt is drawn from a generator of its own, made from (seed, epoch, position): a run that is resumed, or
that prepares its batches in other processes, sees the same excerpts as one that never stopped.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is only imported where training starts
from numpy.typing import NDArray
from torch import Tensor  # noqa: TID253
from torch.utils.data import DataLoader, Dataset, Sampler  # noqa: TID253

from edm_core.data.annotations import load_annotations
from edm_core.data.model import Annotation
from edm_core.errors import TrainingError
from edm_core.training import targets
from edm_core.training.audio import FRAME_RATE, FeatureCache, Features
from edm_core.training.augment import augment
from edm_core.training.config import TrainingConfig
from edm_core.training.model import novelty, running_sums

Batch = dict[str, Tensor]
Key = tuple[int, int, int, int]
"""Epoch, position in the epoch, index of the track, part of the track."""


@dataclass(frozen=True)
class Track:
    """An annotation with its frames, their running sums (frames + 1, MELS), and the targets by head: arrays over
    frames."""

    annotation: Annotation
    frames: Features
    sums: Tensor
    targets: dict[str, NDArray[Any]]

    @property
    def name(self) -> str:
        return self.annotation.name


def make_track(annotation: Annotation, cache: FeatureCache) -> Track:
    """Read (or take from the cache) a track's frames and lay its targets over them. Raises DataError."""
    frames = cache.load(annotation.audio_path)
    count = len(frames)
    beats = targets.beat_times(annotation)
    return Track(
        annotation,
        frames,
        running_sums(torch.from_numpy(frames).unsqueeze(0))[0],
        {
            "boundary": targets.bumps(annotation.boundaries, count, targets.BOUNDARY_WIDTH),
            "energy": targets.energy_bands(frames),
            "beat": targets.bumps(beats, count, targets.BEAT_WIDTH),
            "beat_mask": np.full(count, bool(beats), np.float32),
            "label": targets.label_classes(annotation, count),
            "mask": np.ones(count, np.float32),
        },
    )


def load_tracks(config: TrainingConfig, cache: FeatureCache, root: Path) -> list[Track]:
    """Every track of `config.annotations` (relative to `root`), by name. Raises DataError."""
    audio_dir = root / config.audio_dir if config.audio_dir else None
    return [make_track(annotation, cache) for annotation in load_annotations(root / config.annotations, audio_dir)]


def split_tracks(tracks: Sequence[Track], config: TrainingConfig) -> tuple[list[Track], list[Track]]:
    """Training and validation tracks, by the seed. TrainingError where there are too few for both."""
    if len(tracks) < 2:
        raise TrainingError(
            f"{config.annotations} holds {len(tracks)} track: training and validation need one each.",
            "`edm data make` makes a data set to try.",
        )
    names = sorted(track.name for track in tracks)
    random.Random(config.seed).shuffle(names)
    count = min(max(round(config.train_split * len(names)), 1), len(names) - 1)
    chosen = set(names[:count])
    return [t for t in tracks if t.name in chosen], [t for t in tracks if t.name not in chosen]


class ExcerptSampler(Sampler[Key]):
    """Every part of every track once an epoch, in an order given by (seed, epoch)."""

    def __init__(self, parts: Sequence[int], seed: int) -> None:
        self._all = [(track, part) for track, count in enumerate(parts) for part in range(count)]
        self._seed = seed
        self._rank, self._world = 0, 1
        self._epoch = 0

    def share(self, rank: int, world: int) -> None:
        """Give only the excerpts of process `rank` out of `world`."""
        self._rank, self._world = rank, world

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return -(-len(self._all) // self._world)

    def __iter__(self) -> Iterator[Key]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._all))
        padded = np.resize(order, len(self) * self._world)
        for position in range(self._rank, len(padded), self._world):
            track, part = self._all[padded[position]]
            yield self._epoch, position, track, part


class ExcerptDataset(Dataset[Batch]):
    """Excerpts of `duration` seconds. Each is somewhere within its part of the track, changed by `augment`."""

    def __init__(self, tracks: Sequence[Track], config: TrainingConfig) -> None:
        self.tracks = list(tracks)
        self.length = round(config.duration * FRAME_RATE)
        self.seed = config.seed

    def parts(self) -> list[int]:
        """Into how many parts each track is divided."""
        return [max(1, round(len(track.frames) / self.length)) for track in self.tracks]

    def __len__(self) -> int:
        return sum(self.parts())

    def __getitem__(self, key: Key) -> Batch:
        epoch, position, index, part = key
        track = self.tracks[index]
        generator = np.random.default_rng([self.seed, epoch, position, 1])
        spare = max(0, len(track.frames) - self.length)
        start = int((part + generator.random()) * spare / self.parts()[index])
        cut = slice(start, start + self.length)
        values = {name: array[cut] for name, array in track.targets.items()}
        # Novelty is of the track, not of the excerpt, whose edges would otherwise look like changes.
        here = torch.arange(start, min(start + self.length, len(track.frames)))
        planes = novelty(track.sums.unsqueeze(0), here)[0].numpy()
        whole = np.concatenate([track.frames[cut], planes], axis=1)
        values["frames"], values["energy"] = augment(whole, values["energy"], generator)
        return {name: self._padded(array) for name, array in values.items()}

    def _padded(self, array: NDArray[Any]) -> Tensor:
        """Short tracks get zeros at the end, which `mask` leaves out of every loss."""
        missing = self.length - len(array)
        return torch.from_numpy(np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)))


class TrackDataset(Dataset[Batch]):
    """Whole tracks, for validation."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = list(tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, index: int) -> Batch:
        track = self.tracks[index]
        values = {"frames": track.frames, **track.targets}
        return {name: torch.from_numpy(array) for name, array in values.items()}


def make_loaders(
    train: Sequence[Track], val: Sequence[Track], config: TrainingConfig
) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    """Loaders for Trainer: batches of excerpts (batch, frames, …), and whole tracks one by one (1, frames, …)."""
    excerpts = ExcerptDataset(train, config)
    sampler = ExcerptSampler(excerpts.parts(), config.seed)
    train_loader: DataLoader[Batch] = DataLoader(
        excerpts, config.batch_size, sampler=sampler, num_workers=config.workers,
        persistent_workers=config.workers > 0,
    )  # fmt: skip
    return train_loader, DataLoader(TrackDataset(val), batch_size=1)
