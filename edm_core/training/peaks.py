"""From a boundary curve to boundary times. Threshold and spacing are tuned on training tracks only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edm_core.training.audio import FRAME_RATE

EDGE_SECONDS = 1.0
"""No interior boundary lies nearer than this to the start or the end of a track."""
THRESHOLDS = tuple(round(0.10 + 0.05 * n, 2) for n in range(14))
SPACINGS = (4.0, 6.0, 2.0)


@dataclass(frozen=True)
class PeakSettings:
    """What counts as a peak: its height, and how far it must be from a higher one (seconds)."""

    threshold: float = 0.3
    spacing: float = 4.0


def pick_peaks(curve: NDArray[np.float32], settings: PeakSettings) -> list[float]:
    """Times of the peaks of `curve` (frames,), seconds, ascending: local maxima at or above the threshold,
    the highest first, none within the spacing of one already taken. Refined by the parabola through three frames."""
    chosen: list[int] = []
    for frame in _candidates(curve, settings.threshold):
        if all(abs(frame - other) >= settings.spacing * FRAME_RATE for other in chosen):
            chosen.append(frame)
    return [_refined(curve, frame) for frame in sorted(chosen)]


def _candidates(curve: NDArray[np.float32], threshold: float) -> list[int]:
    """Frames of the local maxima, highest first; of equal ones the earliest first."""
    margin = int(EDGE_SECONDS * FRAME_RATE)
    inner = np.arange(max(margin, 1), len(curve) - max(margin, 1))
    if not len(inner):
        return []
    here = curve[inner]
    top = inner[(here >= threshold) & (here > curve[inner - 1]) & (here >= curve[inner + 1])]
    return [int(frame) for frame in top[np.argsort(-curve[top], kind="stable")]]


def _refined(curve: NDArray[np.float32], frame: int) -> float:
    left, here, right = (float(curve[frame + n]) for n in (-1, 0, 1))
    bend = left - 2 * here + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return (frame + shift) / FRAME_RATE


def hits(reference: Sequence[float], estimated: Sequence[float], window: float) -> int:
    """Size of the largest matching of two ascending lists of times within `window` seconds.

    With one window for all, taking pairs from the left is optimal; it is what mir_eval finds by bipartite matching,
    and quick enough to tune with.
    """
    count = i = j = 0
    while i < len(reference) and j < len(estimated):
        if abs(reference[i] - estimated[j]) <= window:
            count, i, j = count + 1, i + 1, j + 1
        elif reference[i] < estimated[j]:
            i += 1
        else:
            j += 1
    return count


def f_measure(reference: Sequence[float], estimated: Sequence[float], window: float) -> float:
    """F1 of interior boundaries, 0…1; 0 where either list is empty."""
    if not len(reference) or not len(estimated):
        return 0.0
    return 2.0 * hits(reference, estimated, window) / (len(reference) + len(estimated))


def tune_peaks(
    curves: Sequence[NDArray[np.float32]], references: Sequence[Sequence[float]], grids: Sequence[Sequence[float]] = ()
) -> PeakSettings:
    """The settings with the best mean F1, half at 0.5 s and half at 3 s; of equal ones the lowest threshold.

    On the tracks that it was trained on the network is surer than on others, so that many thresholds do equally
    well there, and the higher ones miss boundaries elsewhere. With `grids`, one a curve, peaks are snapped to them.
    """
    best_score, best = -1.0, PeakSettings()
    for threshold in THRESHOLDS:
        for spacing in SPACINGS:
            settings = PeakSettings(threshold, spacing)
            picked = [pick_peaks(curve, settings) for curve in curves]
            if grids:
                picked = [snap(peaks, grid) for peaks, grid in zip(picked, grids, strict=True)]
            score = _mean_score(picked, references)
            if score > best_score + 1e-9:
                best_score, best = score, settings
    return best


def snap(times: Sequence[float], grid: Sequence[float]) -> list[float]:
    """Each time moved to the nearest line of the grid; the same list where there is no grid."""
    if not len(grid):
        return list(times)
    lines = np.asarray(grid)
    return sorted({float(lines[np.abs(lines - time).argmin()]) for time in times})


def _mean_score(picked: Sequence[Sequence[float]], references: Sequence[Sequence[float]]) -> float:
    total = 0.0
    for peaks, reference in zip(picked, references, strict=True):
        total += 0.5 * (f_measure(reference, peaks, 0.5) + f_measure(reference, peaks, 3.0))
    return total / max(1, len(picked))
