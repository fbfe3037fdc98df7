"""The loss of each head, and their weighted sum. All are means over the frames that count."""

from collections.abc import Mapping

import torch  # noqa: TID253 - this module is only imported where a network is wanted
from torch import Tensor  # noqa: TID253
from torch.nn import functional  # noqa: TID253

from edm_core.training.config import TrainingConfig
from edm_core.training.targets import UNKNOWN_LABEL

FOCUS = 2.0
"""γ of the focal loss."""


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` where `mask` is 1; 0 where it is 1 nowhere."""
    return (values * mask).sum() / mask.sum().clamp(min=1.0)


def focal_bce(logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Focal binary cross-entropy |target − p|^γ · BCE, targets in 0…1 (quality focal loss, Li et al. 2020, eq. 2)."""
    bce = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return masked_mean((target - logits.sigmoid()).abs().pow(FOCUS) * bce, mask)


def energy_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the three bands: (batch, frames, 3) both, mask (batch, frames)."""
    return masked_mean((prediction - target).square().mean(dim=2), mask)


def label_cross_entropy(logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy over the frames whose label is known: logits (batch, frames, classes), target (batch, frames)."""
    known = mask * (target != UNKNOWN_LABEL)
    loss = functional.cross_entropy(logits.transpose(1, 2), target.clamp(min=0), reduction="none")
    return masked_mean(loss, known)


def total_loss(config: TrainingConfig, output: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    """Weighted sum of the losses of the heads that are on.

    `batch` holds `mask` (batch, frames), and a target for each head under its name; `beat_mask` leaves out
    tracks whose tempo is unknown.
    """
    mask = batch["mask"]
    total = torch.zeros((), device=mask.device)
    for head in config.heads():
        if head == "energy":
            loss = energy_mse(output[head], batch[head], mask)
        elif head == "label":
            loss = label_cross_entropy(output[head], batch[head], mask)
        else:
            loss = focal_bce(output[head], batch[head], batch["beat_mask"] if head == "beat" else mask)
        total = total + config.weight(head) * loss
    return total
