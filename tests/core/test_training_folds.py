"""The proof that the model listens: five folds of the made data against grids that know the tempo, and Foote."""

from pathlib import Path

import pytest
import torch

from bench.folds import EPOCHS, FOLDS, fold_tracks, read_tracks, run_fold, summary_of
from edm_core.training.config import TrainingConfig
from tests.support.tracks import make_workspace


def test_every_track_is_unseen_in_exactly_one_fold_and_a_fold_repeats_itself(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws")
    tracks = read_tracks(root / "data/annotations")
    unseen = [track.name for fold in range(2) for track in fold_tracks(tracks, fold, 2)[1]]
    assert sorted(unseen) == [track.name for track in tracks]
    config = TrainingConfig(epochs=1, duration=8)
    one, two = (run_fold(tracks, 0, 2, config) for _ in range(2))
    assert one.boundary_f1_05 == two.boundary_f1_05
    assert one.steps == two.steps == 1
    assert torch.get_num_threads() == config.threads


@pytest.mark.proof
def test_unseen_tracks_are_segmented_better_than_by_any_grid(tmp_path: Path) -> None:
    from edm_core.data.make import make_dataset

    make_dataset(tmp_path / "data")
    tracks = read_tracks(tmp_path / "data/annotations")
    config = TrainingConfig(epochs=EPOCHS)
    results = [run_fold(tracks, fold, FOLDS, config) for fold in range(FOLDS)]
    for result in results:
        print(result)
    mean = summary_of(results)
    print(mean)
    assert mean["boundary_f1_05"] >= 0.80
    assert mean["boundary_f1_05"] >= mean["baseline_f1_05"] + 0.15
    assert max(result.cpu_seconds for result in results) <= 240
