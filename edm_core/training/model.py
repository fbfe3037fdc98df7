"""The network: log-mel frames in, four curves out, one value (or a few) a frame.

This module imports torch and nothing of ours, so that a registered model loads wherever the package's code lies.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch  # noqa: TID253 - this module is only imported where a network is wanted
from torch import Tensor, nn  # noqa: TID253

MELS = 40
FRAME_RATE = 25
NOVELTY_SECONDS = (1, 2, 4, 8)
PLANES = 1 + len(NOVELTY_SECONDS)
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Kernel 3 at these dilations sees 255 frames on each side: ±10.2 s."""
HEAD_SIZES = {"boundary": 1, "energy": 3, "beat": 1, "label": 5}


def running_sums(frames: Tensor) -> Tensor:
    """Sums of all frames before each one: (batch, frames, MELS) → (batch, frames + 1, MELS).

    In float64, as sums of thousands of frames lose digits in float32, and differences of them show it.
    """
    return nn.functional.pad(frames.double().cumsum(dim=1), (0, 0, 1, 0))


def novelty(sums: Tensor, here: Tensor) -> Tensor:
    """|mean of the next w − mean of the previous w| for w of 1, 2, 4 and 8 s, at the frames `here`.

    Takes the running sums of a whole track; returns (batch, len(here), len(NOVELTY_SECONDS) * MELS). The means are
    over the frames that there are; the first frame, which nothing precedes, gets 0.
    """
    count = sums.shape[1] - 1
    planes = []
    for seconds in NOVELTY_SECONDS:
        width = seconds * FRAME_RATE
        after, before = (here + width).clamp(max=count), (here - width).clamp(min=0)
        following = (sums[:, after] - sums[:, here]) / (after - here).unsqueeze(1)
        previous = (sums[:, here] - sums[:, before]) / (here - before).clamp(min=1).unsqueeze(1)
        planes.append((following - previous).abs() * (here > 0).unsqueeze(1))
    return torch.cat(planes, dim=2).float()


def novelty_planes(frames: Tensor) -> Tensor:
    """Log-mel frames of whole tracks (batch, frames, MELS) → the network's input (batch, frames, PLANES * MELS)."""
    here = torch.arange(frames.shape[1], device=frames.device)
    return torch.cat([frames, novelty(running_sums(frames), here)], dim=2)


class ResidualBlock(nn.Module):
    """x + 1×1(GELU(dilated 3×1(norm(x)))): shape (batch, channels, frames) in and out."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.mix(nn.functional.gelu(self.wide(self.norm(x)))))  # type: ignore[no-any-return]


class CnnBackbone(nn.Module):
    """Dilated convolutions over time.

    Takes log-mel frames of whole tracks (batch, frames, MELS), or excerpts with the novelty planes that their
    tracks have there (batch, frames, PLANES * MELS); returns (batch, channels, frames).
    """

    def __init__(self, channels: int = 48, dropout: float = 0.1) -> None:
        super().__init__()
        self.channels = channels
        self.stem = nn.Conv1d(PLANES * MELS, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, d, dropout) for d in DILATIONS))

    def forward(self, frames: Tensor) -> Tensor:
        planes = novelty_planes(frames) if frames.shape[2] == MELS else frames
        return self.blocks(self.stem(planes.transpose(1, 2)))  # type: ignore[no-any-return]


BACKBONES: dict[str, Callable[[], nn.Module]] = {"cnn": CnnBackbone}
"""What `--backbone` can name: calls that give a module with `.channels`, frames (batch, frames, MELS) or
(batch, frames, PLANES * MELS) in, (batch, channels, frames) out."""


class StructureModel(nn.Module):
    """A backbone under frame-level heads.

    `forward` takes log-mel frames of whole tracks (batch, frames, MELS) as `edm_core.training.audio` makes them, or
    excerpts with their novelty planes (batch, frames, PLANES * MELS). It returns logits by head: boundary, beat
    (batch, frames); energy (batch, frames, 3); label (batch, frames, 5).
    """

    def __init__(self, backbone: str = "cnn", heads: tuple[str, ...] = ("boundary", "energy", "beat")) -> None:
        super().__init__()
        self.backbone = BACKBONES[backbone]()
        channels = int(self.backbone.channels)  # type: ignore[arg-type]
        self.heads = nn.ModuleDict({head: nn.Conv1d(channels, HEAD_SIZES[head], 1) for head in heads})
        self._start_rare("boundary", 0.02)
        self._start_rare("beat", 0.1)

    def _start_rare(self, head: str, share: float) -> None:
        """Begin at the share of positive frames: else the first steps only unlearn one half (Lin et al. 2017, §4.1)."""
        if head in self.heads:
            bias = self.heads[head].bias
            nn.init.constant_(bias, float(torch.logit(torch.tensor(share))))  # type: ignore[arg-type]

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        hidden = self.backbone(frames)
        out = {name: head(hidden).transpose(1, 2) for name, head in self.heads.items()}
        return {name: value.squeeze(2) if value.shape[2] == 1 else value for name, value in out.items()}


def build_model(config: Any) -> StructureModel:
    """The network that a TrainingConfig, or the `config` of a checkpoint (a mapping), describes."""
    values: Mapping[str, Any] = config if isinstance(config, Mapping) else config.to_dict()
    heads = tuple(head for head in HEAD_SIZES if values[head])
    return StructureModel(str(values["backbone"]), heads)
