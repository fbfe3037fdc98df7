"""Scoring a checkpoint on whole tracks, beside what a grid and Foote's novelty would get."""

import math
from collections.abc import Sequence
from typing import Any

from edm_core.errors import DataError
from edm_core.training.baselines import foote_baseline, grid_baseline
from edm_core.training.checkpoint import Checkpoint, model_from_checkpoint
from edm_core.training.dataset import Track
from edm_core.training.loop import predict_curves, score_curves
from edm_core.training.peaks import PeakSettings
from edm_core.training.scoring import summarise

Evaluation = dict[str, Any]
"""`tracks`: one dictionary a track (TrackScore.to_dict); `summary`: means; `peaks`: threshold and spacing; `epoch`."""


def evaluate_checkpoint(checkpoint: Checkpoint, tracks: Sequence[Track]) -> Evaluation:
    """Score a checkpoint's network on `tracks` with the peak settings that were tuned on its training tracks.

    Without a boundary head there is nothing to score: `tracks` and `summary` are empty.
    """
    evaluation: Evaluation = {
        "epoch": checkpoint["epoch"], "peaks": checkpoint["peaks"], "summary": {}, "tracks": [],
    }  # fmt: skip
    if not checkpoint["config"]["boundary"]:
        return evaluation
    model = model_from_checkpoint(checkpoint)
    device = next(model.parameters()).device
    curves = [predict_curves(model, track, device) for track in tracks]
    scores = score_curves(tracks, curves, PeakSettings(**checkpoint["peaks"]))
    baseline = grid_baseline([track.annotation for track in tracks])
    summary = {**summarise(scores), "baseline_boundary_f1_05": baseline.f1_05}
    evaluation["summary"] = {key: value for key, value in summary.items() if math.isfinite(value)}
    evaluation["tracks"] = [score.to_dict() for score in scores]
    return evaluation


def compare_foote(train: Sequence[Track], val: Sequence[Track]) -> dict[str, float]:
    """Foote's novelty on `val`, tuned on `train`: as it is, and snapped to the known 4-bar grid."""
    plain, snapped = foote_baseline(
        [track.annotation for track in train],
        [track.frames for track in train],
        [track.annotation for track in val],
        [track.frames for track in val],
    )
    return {"foote_f1_05": plain, "foote_snapped_f1_05": snapped}


def validation_tracks(checkpoint: Checkpoint, tracks: Sequence[Track]) -> list[Track]:
    """Those of `tracks` that the run was validated on. DataError where one is missing."""
    return _named(checkpoint["split"]["val"], tracks)


def training_tracks(checkpoint: Checkpoint, tracks: Sequence[Track]) -> list[Track]:
    """Those of `tracks` that the run was trained on. DataError where one is missing."""
    return _named(checkpoint["split"]["train"], tracks)


def _named(names: Sequence[str], tracks: Sequence[Track]) -> list[Track]:
    known = {track.name: track for track in tracks}
    missing = [name for name in names if name not in known]
    if missing:
        raise DataError(
            f"{len(missing)} tracks of this run are not in the data set, the first is {missing[0]}",
            "`edm data pull` brings back the tracked data set.",
        )
    return [known[name] for name in names]
