"""What a training has come to: everything that a checkpoint holds and a resumed run needs."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch  # noqa: TID253 - this module is only imported where training starts
from torch import nn  # noqa: TID253

from edm_core.training.checkpoint import Checkpoint, restore_rng, rng_state
from edm_core.training.config import TrainingConfig
from edm_core.training.loop import Validation
from edm_core.training.peaks import PeakSettings
from edm_core.training.scoring import summarise


@dataclass
class TrainingState:
    """Weights, optimizer and schedule, and what was best so far. `model` is the bare one, not Fabric's wrapper."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    epoch: int = 0
    best_val_loss: float = math.inf
    best_epoch: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    peaks: PeakSettings = field(default_factory=PeakSettings)

    def judge(self, validation: Validation, baseline: float) -> tuple[dict[str, float], bool]:
        """Take in the validation of epoch `self.epoch`: its metrics, and whether it is the best so far."""
        self.peaks = validation.peaks
        metrics = {"val_loss": validation.loss}
        if validation.scores:
            summary = summarise(validation.scores)
            metrics |= {name: summary[name] for name in ("boundary_f1", "boundary_f1_05")}
            if math.isfinite(baseline):
                metrics["baseline_boundary_f1_05"] = baseline
        is_best = validation.loss < self.best_val_loss
        if is_best:
            self.best_val_loss, self.best_epoch, self.best_metrics = validation.loss, self.epoch, dict(metrics)
        if self.best_epoch:
            metrics |= {"best_val_loss": self.best_val_loss, "best_epoch": float(self.best_epoch)}
        return metrics, is_best

    def checkpoint(self, config: TrainingConfig, split: dict[str, list[str]], metrics: dict[str, float]) -> Checkpoint:
        """All of it as plain types and tensors."""
        return {
            "epoch": self.epoch,
            "state_dict": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.schedule.state_dict(),
            "rng": rng_state(),
            "best_val_loss": self.best_val_loss,
            "best_epoch": self.best_epoch,
            "best_metrics": self.best_metrics,
            "metrics": metrics,
            "config": config.to_dict(),
            "peaks": {"threshold": self.peaks.threshold, "spacing": self.peaks.spacing},
            "split": split,
        }

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Go back to where `checkpoint` was written, generators of random numbers included."""
        self.model.load_state_dict(checkpoint["state_dict"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.schedule.load_state_dict(checkpoint["scheduler"])
        self.epoch = checkpoint["epoch"]
        self.best_val_loss, self.best_epoch = checkpoint["best_val_loss"], checkpoint["best_epoch"]
        self.best_metrics = checkpoint["best_metrics"]
        self.peaks = PeakSettings(**checkpoint["peaks"])
        restore_rng(checkpoint["rng"])
