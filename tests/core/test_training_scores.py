from pathlib import Path

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edm_core.data.model import Annotation, Segment
from edm_core.training.baselines import foote_novelty, grid_baseline, grid_times
from edm_core.training.peaks import PeakSettings, f_measure, hits, pick_peaks, snap, tune_peaks
from edm_core.training.scoring import detection, score_track, summarise
from edm_core.training.targets import bumps

TIMES = st.lists(st.floats(1, 99).map(lambda t: round(t, 3)), min_size=1, max_size=12, unique=True).map(sorted)


def annotation(*times: float, duration: float = 64.0, subtle: tuple[bool, ...] = ()) -> Annotation:
    edges = (0.0, *times, duration)
    flags = (False, *(subtle or [False] * len(times)))
    segments = tuple(
        Segment(start, end, "drop", subtle=flag) for start, end, flag in zip(edges[:-1], edges[1:], flags, strict=True)
    )
    return Annotation(Path("a.yaml"), Path("a.wav"), duration, segments, bpm=120.0, downbeat=0.0)


@settings(deadline=None, max_examples=60)
@given(TIMES, TIMES, st.sampled_from([0.5, 3.0]))
def test_the_quick_score_is_that_of_mir_eval(reference: list[float], estimated: list[float], window: float) -> None:
    f1 = detection(reference, estimated, 100.0, window, trim=True)[2]
    assert f_measure(reference, estimated, window) == pytest.approx(f1)
    assert hits(reference, estimated, window) == len(
        mir_eval.util.match_events(np.array(reference), np.array(estimated), window)
    )


def test_peaks_are_found_where_the_curve_was_built() -> None:
    times = [8.0, 16.02, 31.51]
    curve = bumps(times, 1600, 0.15)
    assert pick_peaks(curve, PeakSettings(0.5, 4.0)) == pytest.approx(times, abs=0.01)
    curve[60 * 25] = 0.4
    assert len(pick_peaks(curve, PeakSettings(0.5, 4.0))) == 3
    assert len(pick_peaks(curve, PeakSettings(0.3, 4.0))) == 4


def test_of_two_near_peaks_the_higher_stays() -> None:
    curve = 0.8 * bumps([10.0], 1000, 0.15) + bumps([12.0], 1000, 0.15)
    assert pick_peaks(curve, PeakSettings(0.3, 4.0)) == pytest.approx([12.0], abs=0.01)
    assert pick_peaks(np.zeros(10, np.float32), PeakSettings()) == []
    assert pick_peaks(np.full(500, np.nan, np.float32), PeakSettings()) == []


def test_tuning_finds_the_threshold_between_true_and_false_peaks() -> None:
    true, false = [10.0, 30.0, 50.0], [20.0, 40.0]
    curve = 0.7 * bumps(true, 1600, 0.15) + 0.35 * bumps(false, 1600, 0.15)
    chosen = tune_peaks([curve], [true])
    assert 0.35 < chosen.threshold < 0.7


def test_nothing_predicted_scores_nothing_and_perfect_scores_one() -> None:
    track = annotation(16.0, 32.0, 48.0, subtle=(False, True, False))
    perfect = score_track(track, [16.1, 32.0, 47.9])
    assert (perfect.f1, perfect.f1_05, perfect.subtle, perfect.subtle_found) == (1.0, 1.0, 1, 1)
    nothing = score_track(track, [])
    assert (nothing.f1, nothing.f1_05, nothing.subtle_found) == (0.0, 0.0, 0)
    assert nothing.f1_05_untrimmed > 0
    late = score_track(track, [17.0, 33.0, 49.0])
    assert (late.f1, late.f1_05) == (1.0, 0.0)
    assert summarise([perfect, nothing])["boundary_f1_05"] == 0.5


def test_the_grid_uses_the_true_tempo() -> None:
    track = annotation(16.0, 32.0, 48.0)
    assert grid_times(track, 8) == [16.0, 32.0, 48.0]
    best = grid_baseline([track])
    assert (best.bars, best.f1_05) == (8, 1.0)
    unknown = Annotation(track.path, track.audio_path, track.duration, track.segments)
    assert np.isnan(grid_baseline([unknown]).f1_05)
    assert snap([15.0, 33.9, 34.0], grid_times(track, 4)) == [16.0, 32.0]


def test_foote_finds_a_change_of_sound() -> None:
    generator = np.random.default_rng(0)
    frames = 0.05 * generator.standard_normal((1500, 40)).astype(np.float32)
    frames[:700, :20] += 1.0
    frames[700:, 20:] += 1.0
    assert pick_peaks(foote_novelty(frames), PeakSettings(0.5, 4.0)) == pytest.approx([28.0], abs=0.3)
