"""One track as runs saw it: where they put boundaries, beside where they are. Times in seconds."""

from dataclasses import dataclass

BEATS_PER_BAR = 4
WINDOW = 0.5
"""A predicted boundary within this many seconds of a reference one may count as it."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Interior boundaries, and the labels of the segments that they part (one more than boundaries, or none)."""

    times: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()

    def label_at(self, time: float) -> str:
        """The label of the segment that `time` lies in; "" where nothing names it."""
        index = sum(1 for boundary in self.times if boundary <= time)
        return self.labels[index] if index < len(self.labels) else ""


def hits(reference: Segmentation, predicted: Segmentation) -> dict[int, int]:
    """Index of a predicted boundary → index of the reference one that it hits, each used once, as many as can be.

    Taking the earliest that is near enough, in order of time, is a maximum matching where all windows are the same.
    """
    found, free = {}, 0
    for index, time in enumerate(predicted.times):
        while free < len(reference.times) and reference.times[free] < time - WINDOW:
            free += 1
        if free < len(reference.times) and reference.times[free] <= time + WINDOW:
            found[index] = free
            free += 1
    return found


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one run said of the track; `score` is its F1 at 0.5 s, None where the run did not score the track."""

    run_id: str
    name: str
    segmentation: Segmentation
    score: float | None


@dataclass(frozen=True, slots=True)
class TrackStrip:
    """`energy` are RMS levels over equal stretches of the whole track, the loudest 1; empty where the audio is not
    here. `note` says what is missing and why."""

    name: str
    duration: float
    bpm: float | None
    downbeat: float | None
    reference: Segmentation
    runs: tuple[Prediction, ...]
    energy: tuple[float, ...] = ()
    note: str = ""

    def bar_at(self, time: float) -> float | None:
        """The bar that `time` lies in, counted from 1 at the first downbeat, its fraction how far into it; None where
        no tempo is known. bar = 1 + (time − downbeat) · bpm / 60 / 4."""
        if not self.bpm:
            return None
        return 1 + (time - (self.downbeat or 0.0)) * self.bpm / 60 / BEATS_PER_BAR
