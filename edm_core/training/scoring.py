"""Scores of predicted boundaries against reference ones, track by track, as mir_eval defines them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edm_core.data.model import LABELS, Annotation
from edm_core.training.audio import FRAME_RATE
from edm_core.training.peaks import hits

NARROW, WIDE = 0.5, 3.0
"""The two windows of the field, seconds."""


@dataclass(frozen=True)
class TrackScore:
    """Boundaries of one track and their scores. Times in seconds; interior boundaries only.

    `labels` and `predicted_labels` name the segments that the boundaries part, one more than there are boundaries;
    the latter are empty without a label head.
    """

    name: str
    duration: float
    bpm: float | None
    downbeat: float | None
    reference: tuple[float, ...]
    labels: tuple[str | None, ...]
    predicted: tuple[float, ...]
    predicted_labels: tuple[str, ...]
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
            "duration": round(self.duration, 4),
            "bpm": self.bpm,
            "downbeat": self.downbeat,
            "boundary_f1_05": self.f1_05,
            "boundary_precision_05": self.precision_05,
            "boundary_recall_05": self.recall_05,
            "boundary_f1": self.f1,
            "boundary_f1_05_untrimmed": self.f1_05_untrimmed,
            "subtle": self.subtle,
            "subtle_found": self.subtle_found,
            "reference": list(self.reference),
            "labels": list(self.labels),
            "predicted": [round(time, 4) for time in self.predicted],
            "predicted_labels": list(self.predicted_labels),
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


def segment_labels(boundaries: Sequence[float], duration: float, logits: NDArray[np.float32]) -> tuple[str, ...]:
    """The label of each segment between `boundaries` (ascending, seconds): the class with the highest mean of `logits`,
    shape (frames, len(LABELS)), over the segment's frames."""
    edges = np.asarray([0.0, *boundaries, duration]) * FRAME_RATE
    spans = [(min(int(start), len(logits) - 1), int(np.ceil(end))) for start, end in pairwise(edges)]
    return tuple(LABELS[int(logits[start : max(end, start + 1)].mean(axis=0).argmax())] for start, end in spans)


def score_track(
    annotation: Annotation, predicted: Sequence[float], label_logits: NDArray[np.float32] | None = None
) -> TrackScore:
    """All scores of one track. `predicted` ascending, seconds; `label_logits` of shape (frames, len(LABELS))."""
    inside = tuple(float(time) for time in predicted if 0 < time < annotation.duration)
    reference, duration = annotation.boundaries, annotation.duration
    precision, recall, f1_05 = detection(reference, inside, duration, NARROW, trim=True)
    subtle = [time for time, is_subtle in zip(reference, annotation.subtle, strict=True) if is_subtle]
    return TrackScore(
        name=annotation.name,
        duration=duration,
        bpm=annotation.bpm,
        downbeat=annotation.downbeat,
        reference=reference,
        labels=tuple(segment.label for segment in annotation.segments),
        predicted=inside,
        predicted_labels=() if label_logits is None else segment_labels(inside, duration, label_logits),
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
