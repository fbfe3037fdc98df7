"""One epoch of training, one pass of validation: no files, no MLflow."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch  # noqa: TID253 - this module is only imported where training starts
from lightning_fabric import Fabric  # noqa: TID253
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from edm_core.training.config import TrainingConfig
from edm_core.training.dataset import Batch, Track
from edm_core.training.losses import total_loss
from edm_core.training.peaks import PeakSettings, pick_peaks, tune_peaks
from edm_core.training.scoring import TrackScore, score_track

WARM_UP = 0.05
"""Share of the steps over which the learning rate rises."""

Curve = NDArray[np.float32]


@dataclass(frozen=True)
class Validation:
    """Scores of the validation tracks. `curves` are the boundary probabilities, one array of frames a track."""

    loss: float
    peaks: PeakSettings
    scores: tuple[TrackScore, ...]
    curves: tuple[Curve, ...]


def rate_factor(scheduler: str, step: int, steps: int) -> float:
    """The learning rate at `step` out of `steps`, as a share of its peak."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    progress = min(1.0, (step - warm) / max(1, steps - warm))
    if scheduler == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0 - progress if scheduler == "linear" else 1.0


def make_optimizer(
    model: nn.Module, config: TrainingConfig, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW, and its schedule over `steps` steps."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(config.scheduler, step, steps))
    return optimizer, schedule


class EpochLoop:
    """Runs epochs of one model under Fabric. `model` and `optimizer` are those that Fabric has set up."""

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        config: TrainingConfig,
    ) -> None:
        self.fabric, self.model, self.optimizer = fabric, model, optimizer
        self.schedule, self.config = schedule, config

    def train(self, loader: Iterable[Batch], on_batch: Callable[[int], None]) -> float:
        """One pass with steps; the mean loss. `on_batch` gets the number of batches done."""
        self.model.train()
        total, count = 0.0, 0
        for batch in loader:
            moved = self.fabric.to_device(batch)
            loss = total_loss(self.config, self.model(moved["frames"]), moved)
            self.optimizer.zero_grad()
            self.fabric.backward(loss)
            if self.config.gradient_clip:
                self.fabric.clip_gradients(
                    self.model, self.optimizer, max_norm=self.config.gradient_clip, error_if_nonfinite=False
                )
            self.optimizer.step()
            self.schedule.step()
            total, count = total + float(loss.detach()), count + 1
            on_batch(count)
        mean = total / max(1, count)
        if self.fabric.world_size == 1:
            return mean
        return float(self.fabric.all_reduce(torch.tensor(mean, device=self.fabric.device)))  # type: ignore[arg-type]

    @torch.no_grad()
    def validate(self, loader: Iterable[Batch], val: Sequence[Track], train: Sequence[Track]) -> Validation:
        """Loss over whole validation tracks and, with a boundary head, their scores; peaks are tuned on `train`."""
        # The bare network: with several devices this runs in the first process only, where the wrapper would wait.
        network = self.model.module if isinstance(self.model.module, nn.Module) else self.model
        network.eval()
        losses, curves, labels = [], [], []
        for batch in loader:
            moved = self.fabric.to_device(batch)
            with self.fabric.autocast():
                output = network(moved["frames"])
            losses.append(float(total_loss(self.config, output, moved)))
            if self.config.boundary:
                curve, label_logits = track_curves(output)
                curves.append(curve)
                labels.append(label_logits)
        loss = sum(losses) / max(1, len(losses))
        if not self.config.boundary:
            return Validation(loss, PeakSettings(), (), ())
        known = [predict_curves(network, track, self.fabric.device)[0] for track in train]
        peaks = tune_peaks(known, [track.annotation.boundaries for track in train])
        scores = score_curves(val, list(zip(curves, labels, strict=True)), peaks)
        return Validation(loss, peaks, scores, tuple(curves))


def track_curves(output: Mapping[str, torch.Tensor]) -> tuple[Curve, Curve | None]:
    """What the network says of the one track of a batch: boundary probability, shape (frames,), and label logits,
    shape (frames, 5), None without a label head."""
    label = output["label"][0].float().cpu().numpy() if "label" in output else None
    return output["boundary"][0].float().sigmoid().cpu().numpy(), label


@torch.no_grad()
def predict_curves(model: nn.Module, track: Track, device: torch.device) -> tuple[Curve, Curve | None]:
    """`track_curves` of a whole track. The model is in eval mode."""
    return track_curves(model(torch.from_numpy(track.frames).unsqueeze(0).to(device)))


def score_curves(
    tracks: Sequence[Track], curves: Sequence[tuple[Curve, Curve | None]], peaks: PeakSettings
) -> tuple[TrackScore, ...]:
    """Scores of the peaks of each boundary curve against its track's boundaries; labels where there are logits."""
    pairs = zip(tracks, curves, strict=True)
    return tuple(score_track(track.annotation, pick_peaks(curve, peaks), labels) for track, (curve, labels) in pairs)
