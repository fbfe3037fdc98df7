from pathlib import Path

import numpy as np
import pytest
import soundfile

from edm_core.errors import DataError
from edm_core.training.audio import FRAME_RATE, MELS, SAMPLE_RATE, FeatureCache, log_mel, mel_filters, read_audio


def tone(hz: float, seconds: float, rate: int = SAMPLE_RATE) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def test_filters_cover_the_band_without_a_hole() -> None:
    filters = mel_filters()
    assert filters.shape == (MELS, 513)
    assert filters.max() <= 1.0
    covered = filters.sum(axis=0)[5:500]
    assert covered.min() > 0


def test_a_tone_lights_its_band_at_its_time() -> None:
    samples = np.concatenate([np.zeros(2 * SAMPLE_RATE, np.float32), tone(1000, 2)])
    frames = log_mel(samples)
    assert frames.shape == (4 * FRAME_RATE, MELS)
    loud = frames.max(axis=1) > 0
    assert abs(int(np.argmax(loud)) - 2 * FRAME_RATE) <= 1
    low, high = 2595 * np.log10(1 + 30 / 700), 2595 * np.log10(1 + 8000 / 700)
    centres = 700 * (10 ** (np.linspace(low, high, MELS + 2)[1:-1] / 2595) - 1)
    assert abs(centres[frames[80].argmax()] - 1000) < 100


def test_other_rates_and_stereo_come_out_alike(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(440, 3), SAMPLE_RATE)
    soundfile.write(tmp_path / "b.flac", np.stack([tone(440, 3, 44_100)] * 2, axis=1), 44_100)
    one, two = (log_mel(read_audio(tmp_path / name)) for name in ("a.wav", "b.flac"))
    assert one.shape == two.shape
    # Away from the edges, and where there is sound at all.
    inner = one[10:60]
    assert np.abs(inner - two[10:60])[inner > 0].max() < 0.05


def test_features_are_kept_by_content_and_damage_is_mended(tmp_path: Path) -> None:
    audio, cache = tmp_path / "a.wav", FeatureCache(tmp_path / "cache")
    soundfile.write(audio, tone(440, 2), SAMPLE_RATE)
    first = cache.load(audio)
    (entry,) = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    for damage in (b"", whole[:200], whole[:-300] + bytes([whole[-300] ^ 1]) + whole[-299:], b"not a zip"):
        entry.write_bytes(damage)
        assert np.array_equal(cache.load(audio), first)
        assert entry.read_bytes() == whole
    renamed = audio.rename(tmp_path / "b.wav")
    assert np.array_equal(cache.load(renamed), first)
    soundfile.write(renamed, tone(880, 2), SAMPLE_RATE)
    assert not np.array_equal(cache.load(renamed), first)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_unreadable_audio_is_named(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF no")
    with pytest.raises(DataError, match=r"broken\.wav"):
        cache.load(broken)
    with pytest.raises(DataError, match=r"gone\.wav"):
        cache.load(tmp_path / "gone.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), SAMPLE_RATE)
    with pytest.raises(DataError, match="empty"):
        cache.load(tmp_path / "empty.wav")
