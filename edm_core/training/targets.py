"""What the heads are to answer, frame by frame, from an annotation and the frames themselves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edm_core.data.model import LABELS, Annotation
from edm_core.training.audio import FRAME_RATE, HIGH_HZ, LOW_HZ, MELS, Features

BOUNDARY_WIDTH = 0.15
"""Standard deviation of a boundary's target, seconds. Narrow targets starve the loss of positives."""
BEAT_WIDTH = 0.02
ENERGY_EDGES_HZ = (200.0, 2000.0)
ENERGY_SMOOTHING = 1.0
"""Seconds over which the energy target is averaged."""
UNKNOWN_LABEL = -1

Curve = NDArray[np.float32]


def frame_times(count: int) -> NDArray[np.float64]:
    """Second of each frame's centre, shape (count,)."""
    return np.arange(count) / FRAME_RATE


def bumps(times: Sequence[float], count: int, width: float) -> Curve:
    """Gaussian bumps of height 1 and standard deviation `width` seconds at `times`, shape (count,)."""
    curve = np.zeros(count, np.float32)
    if len(times):
        nearest = np.abs(frame_times(count)[:, None] - np.asarray(times)[None, :]).min(axis=1)
        curve = np.exp(-0.5 * (nearest / width) ** 2).astype(np.float32)
    return curve


def beat_times(annotation: Annotation) -> list[float]:
    """Every beat of the track, seconds; none where tempo or first downbeat are unknown."""
    if annotation.bpm is None or annotation.downbeat is None:
        return []
    count = int((annotation.duration - annotation.downbeat) * annotation.bpm / 60.0) + 1
    return [annotation.downbeat + n * 60.0 / annotation.bpm for n in range(count)]


def energy_bands(frames: Features) -> Curve:
    """Mean log-mel of three bands (below 200 Hz, to 2 kHz, above), averaged over a second: shape (frames, 3)."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (LOW_HZ, HIGH_HZ))
    centres = 700.0 * (10.0 ** (np.linspace(low, high, MELS + 2)[1:-1] / 2595.0) - 1.0)
    band = np.searchsorted(np.asarray(ENERGY_EDGES_HZ), centres)
    levels = np.stack([frames[:, band == n].mean(axis=1) for n in range(3)], axis=1)
    return _smooth(levels, round(ENERGY_SMOOTHING * FRAME_RATE))


def _smooth(values: NDArray[np.float32], width: int) -> Curve:
    padded = np.pad(values.astype(np.float64), ((width // 2 + 1, width // 2), (0, 0)), mode="edge")
    total = padded.cumsum(axis=0)
    return np.asarray(((total[width:] - total[:-width]) / width)[: len(values)], np.float32)


def label_classes(annotation: Annotation, count: int) -> NDArray[np.int64]:
    """Index into LABELS at each frame, UNKNOWN_LABEL where it has none: shape (count,)."""
    classes = np.full(count, UNKNOWN_LABEL, np.int64)
    times = frame_times(count)
    for segment in annotation.segments:
        if segment.label in LABELS:
            classes[(times >= segment.time) & (times < segment.end)] = LABELS.index(segment.label)
    return classes
