"""Scores of predicted boundaries against reference ones, track by track, as mir_eval defines them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edm_core.data.model import Annotation
from edm_core.training.peaks import hits

NARROW, WIDE = 0.5, 3.0
"""The two windows of the field, seconds."""


@dataclass(frozen=True)
class TrackScore:
    """Boundaries of one track and their scores. Times in seconds; interior boundaries only."""

    name: str
    reference: tuple[float, ...]
    predicted: tuple[float, ...]
    f1_05: float
    precision_05: float
    recall_05: float
    f1: float
    f1_05_untrimmed: float
    subtle: int
    subtle_found: int

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for tracks.json."""
        return {
            "track": self.name,
            "boundary_f1_05": self.f1_05,
            "boundary_precision_05": self.precision_05,
            "boundary_recall_05": self.recall_05,
            "boundary_f1": self.f1,
            "boundary_f1_05_untrimmed": self.f1_05_untrimmed,
            "subtle": self.subtle,
            "subtle_found": self.subtle_found,
            "reference": list(self.reference),
            "predicted": [round(time, 4) for time in self.predicted],
        }


def _intervals(times: Sequence[float], duration: float) -> NDArray[Any]:
    edges = [0.0, *times, max(duration, times[-1] + 1e-3 if times else duration)]
    return np.column_stack([edges[:-1], edges[1:]])


def detection(
    reference: Sequence[float], predicted: Sequence[float], duration: float, window: float, trim: bool
) -> tuple[float, float, float]:
    """Precision, recall and F1 of `mir_eval.segment.detection`; zeros where there is nothing to match."""
    import mir_eval

    if trim and (not len(reference) or not len(predicted)):
        return 0.0, 0.0, 0.0
    scores = mir_eval.segment.detection(
        _intervals(reference, duration), _intervals(predicted, duration), window=window, trim=trim
    )
    precision, recall, f1 = (float(score) for score in scores)
    return precision, recall, f1


def score_track(annotation: Annotation, predicted: Sequence[float]) -> TrackScore:
    """All scores of one track. `predicted` ascending, seconds."""
    inside = tuple(float(time) for time in predicted if 0 < time < annotation.duration)
    reference, duration = annotation.boundaries, annotation.duration
    precision, recall, f1_05 = detection(reference, inside, duration, NARROW, trim=True)
    subtle = [time for time, is_subtle in zip(reference, annotation.subtle, strict=True) if is_subtle]
    return TrackScore(
        name=annotation.name,
        reference=reference,
        predicted=inside,
        f1_05=f1_05,
        precision_05=precision,
        recall_05=recall,
        f1=detection(reference, inside, duration, WIDE, trim=True)[2],
        f1_05_untrimmed=detection(reference, inside, duration, NARROW, trim=False)[2],
        subtle=len(subtle),
        subtle_found=hits(subtle, inside, NARROW),
    )


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def summarise(scores: Sequence[TrackScore]) -> dict[str, float]:
    """Means over the tracks, and the recall of subtle boundaries over all of them."""
    subtle = sum(score.subtle for score in scores)
    found = sum(score.subtle_found for score in scores)
    return {
        "boundary_f1": mean([score.f1 for score in scores]),
        "boundary_f1_05": mean([score.f1_05 for score in scores]),
        "boundary_f1_05_untrimmed": mean([score.f1_05_untrimmed for score in scores]),
        "subtle_recall": found / subtle if subtle else float("nan"),
    }
