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


def novelty_planes(frames: Tensor) -> Tensor:
    """Log-mel frames (batch, frames, MELS) → (batch, frames, PLANES * MELS).

    The first plane is the input; then, for w of 1, 2, 4 and 8 s, |mean of the next w − mean of the previous w|,
    over the frames that there are. Where either side has none the plane is 0.
    """
    count = frames.shape[1]
    # Sums of thousands of frames lose digits in float32, and differences of them show it.
    total = nn.functional.pad(frames.double().cumsum(dim=1), (0, 0, 1, 0))
    here = torch.arange(count, device=frames.device)
    planes = [frames]
    for seconds in NOVELTY_SECONDS:
        width = seconds * FRAME_RATE
        after, before = (here + width).clamp(max=count), (here - width).clamp(min=0)
        following = (total[:, after] - total[:, here]) / (after - here).unsqueeze(1)
        previous = (total[:, here] - total[:, before]) / (here - before).clamp(min=1).unsqueeze(1)
        plane = (following - previous).abs() * (here > 0).unsqueeze(1)
        planes.append(plane.to(frames.dtype))
    return torch.cat(planes, dim=2)


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
    """Novelty planes, then dilated convolutions over time: (batch, frames, MELS) → (batch, channels, frames)."""

    def __init__(self, channels: int = 48, dropout: float = 0.1) -> None:
        super().__init__()
        self.channels = channels
        self.stem = nn.Conv1d(PLANES * MELS, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, d, dropout) for d in DILATIONS))

    def forward(self, frames: Tensor) -> Tensor:
        planes = novelty_planes(frames).transpose(1, 2)
        return self.blocks(self.stem(planes))  # type: ignore[no-any-return]


BACKBONES: dict[str, Callable[[], nn.Module]] = {"cnn": CnnBackbone}
"""What `--backbone` can name: calls that give a module with `.channels`, frames (batch, frames, MELS) in,
(batch, channels, frames) out."""


class StructureModel(nn.Module):
    """A backbone under frame-level heads.

    `forward` takes log-mel frames (batch, frames, MELS) as `edm_core.training.audio` makes them, and returns
    logits by head: boundary, beat (batch, frames); energy (batch, frames, 3); label (batch, frames, 5).
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
