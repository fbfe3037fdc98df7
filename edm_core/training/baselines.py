"""What one gets without training: uniform grids with the true tempo, and Foote's novelty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edm_core.data.model import Annotation
from edm_core.training.audio import FRAME_RATE, Features
from edm_core.training.peaks import pick_peaks, snap, tune_peaks
from edm_core.training.scoring import NARROW, detection, mean

GRID_BARS = (4, 8, 16)
BEATS_PER_BAR = 4
FOOTE_POOL = 5
"""Frames that are averaged before the similarity matrix: 0.2 s."""
FOOTE_HALF_SECONDS = 8.0


def grid_times(annotation: Annotation, bars: int) -> list[float]:
    """Every `bars`-th downbeat inside the track, by its true tempo and downbeat; none where they are unknown."""
    if annotation.bpm is None or annotation.downbeat is None:
        return []
    step = bars * BEATS_PER_BAR * 60.0 / annotation.bpm
    count = int((annotation.duration - annotation.downbeat) / step) + 1
    times = [annotation.downbeat + n * step for n in range(count)]
    return [time for time in times if 0.01 < time < annotation.duration - 0.01]


@dataclass(frozen=True)
class GridBaseline:
    """The best of the grids over a set of tracks: which one, and its mean F1 at 0.5 s (NaN: no tempo is known)."""

    bars: int
    f1_05: float


def grid_baseline(annotations: Sequence[Annotation]) -> GridBaseline:
    """The best of the 4-, 8- and 16-bar grids by mean F1 at 0.5 s over the tracks whose tempo is known."""
    known = [a for a in annotations if a.bpm is not None and a.downbeat is not None]
    if not known:
        return GridBaseline(0, float("nan"))
    scores = []
    for bars in GRID_BARS:
        found = [detection(a.boundaries, grid_times(a, bars), a.duration, NARROW, trim=True)[2] for a in known]
        scores.append(GridBaseline(bars, mean(found)))
    return max(scores, key=lambda baseline: baseline.f1_05)


def foote_novelty(frames: Features) -> NDArray[np.float32]:
    """Novelty of the self-similarity matrix, shape (frames,), highest value 1.

    Cosine similarity of pooled log-mel frames, correlated along the diagonal with a Gaussian-tapered checkerboard
    kernel of ±8 s (Foote 2000, "Automatic audio segmentation using a measure of audio novelty").
    """
    count = len(frames) // FOOTE_POOL
    if count < 4:
        return np.zeros(len(frames), np.float32)
    pooled = frames[: count * FOOTE_POOL].reshape(count, FOOTE_POOL, -1).mean(axis=1)
    pooled = pooled - pooled.mean(axis=0)
    pooled = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-6)
    half = round(FOOTE_HALF_SECONDS * FRAME_RATE / FOOTE_POOL)
    similarity = np.pad(pooled @ pooled.T, half, mode="edge")
    kernel = _checkerboard(half)
    raw = np.array([(similarity[n : n + 2 * half, n : n + 2 * half] * kernel).sum() for n in range(count)])
    positive = np.maximum(raw, 0.0)
    curve = np.interp(np.arange(len(frames)) / FOOTE_POOL, np.arange(count), positive / max(positive.max(), 1e-9))
    return np.asarray(curve, np.float32)


def _checkerboard(half: int) -> NDArray[np.float64]:
    offsets = (np.arange(2 * half) - half + 0.5) / half
    taper = np.exp(-4.0 * (offsets[:, None] ** 2 + offsets[None, :] ** 2))
    return np.asarray(np.sign(offsets)[:, None] * np.sign(offsets)[None, :] * taper)


def foote_baseline(
    train: Sequence[Annotation],
    train_frames: Sequence[Features],
    unseen: Sequence[Annotation],
    frames: Sequence[Features],
) -> tuple[float, float]:
    """Mean F1 at 0.5 s of Foote's novelty on `unseen`: as it is, and snapped to the true 4-bar grid.

    Each of the two has its own threshold and spacing, tuned on `train`.
    """
    curves, references = [foote_novelty(own) for own in train_frames], [a.boundaries for a in train]
    plain = tune_peaks(curves, references)
    snapped = tune_peaks(curves, references, [grid_times(a, 4) for a in train])
    scores: tuple[list[float], list[float]] = [], []
    for annotation, own in zip(unseen, frames, strict=True):
        curve = foote_novelty(own)
        found = pick_peaks(curve, plain), snap(pick_peaks(curve, snapped), grid_times(annotation, 4))
        for kept, peaks in zip(scores, found, strict=True):
            kept.append(detection(annotation.boundaries, peaks, annotation.duration, NARROW, trim=True)[2])
    return mean(scores[0]), mean(scores[1])
