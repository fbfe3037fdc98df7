"""Audio file → log-mel frames: 25 a second, 40 bands, cached on disk by the content of the file.

The cache lies under .edm/, never under data/, because a file more there would change the data set's hash.
"""

import contextlib
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edm_core.errors import DataError
from edm_core.files import write_atomic

SAMPLE_RATE = 16_000
FRAME_RATE = 25
HOP = SAMPLE_RATE // FRAME_RATE
WINDOW = 1024
MELS = 40
LOW_HZ, HIGH_HZ = 30.0, 8000.0
FLOOR = 1e-5
VERSION = 1
"""Part of every cache key: raise it when the numbers below would come out differently."""

Features = NDArray[np.float32]


def mel_filters() -> Features:
    """Triangular filters of unit height, shape (MELS, WINDOW // 2 + 1), evenly spaced on O'Shaughnessy's mel
    scale, mel = 2595 log10(1 + f / 700) (the scale of HTK)."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (LOW_HZ, HIGH_HZ))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, MELS + 2) / 2595.0) - 1.0)
    bins = np.arange(WINDOW // 2 + 1) * (SAMPLE_RATE / WINDOW)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def log_mel(samples: NDArray[np.float32]) -> Features:
    """Log-mel frames of mono audio at SAMPLE_RATE, shape (frames, MELS), scaled to about −1…1.

    Frame i is centred on second i / FRAME_RATE. The value is (ln(mel magnitude + FLOOR) + 4) / 4, where the
    magnitude is that of a Hann window with the sum of the window divided out.
    """
    frames = max(1, -(-len(samples) // HOP))
    padded = np.pad(samples, (WINDOW // 2, WINDOW + HOP))
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    filters = mel_filters().T / window.sum()
    out = np.empty((frames, MELS), np.float32)
    for start in range(0, frames, 1024):
        rows = np.arange(start, min(frames, start + 1024))
        pieces = padded[rows[:, None] * HOP + np.arange(WINDOW)]
        out[rows] = np.abs(np.fft.rfft(pieces * window, axis=1)).astype(np.float32) @ filters
    return np.asarray((np.log(out + FLOOR) + 4.0) / 4.0, np.float32)


def read_audio(path: Path) -> NDArray[np.float32]:
    """Mono samples at SAMPLE_RATE; DataError names the file that cannot be read."""
    import soundfile
    import soxr

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{path}: the audio cannot be read: {error}", "Check the annotations with `edm data check`."
        ) from error
    mono = samples.mean(axis=1)
    if not len(mono):
        raise DataError(f"{path}: the audio is empty", "Make the file again, or take its annotation out.")
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return np.ascontiguousarray(mono, dtype=np.float32)


class FeatureCache:
    """Log-mel frames by the content of the audio file, in a folder that may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, audio: Path) -> Features:
        """Frames of the file, shape (frames, MELS): from the cache, else computed and written there.

        An entry that is damaged (its CRC tells) is computed again. Raises DataError.
        """
        path = self.folder / f"{self._key(audio)}.npz"
        cached = _read_entry(path)
        if cached is not None:
            return cached
        frames = log_mel(read_audio(audio))
        buffer = io.BytesIO()
        np.savez(buffer, frames=frames)
        # A cache that cannot be written (read-only, full disk) only costs the time to compute again.
        with contextlib.suppress(OSError):
            write_atomic(path, buffer.getvalue())
        return frames

    def _key(self, audio: Path) -> str:
        digest = hashlib.sha256(f"{VERSION} {SAMPLE_RATE} {FRAME_RATE} {MELS} {WINDOW} ".encode())
        try:
            with audio.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise DataError(
                f"{audio}: {error.strerror}", "Is --audio-dir right? `edm data check` names every missing file."
            ) from error
        return digest.hexdigest()


def _read_entry(path: Path) -> Features | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as entry:
            frames = entry["frames"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None
    if frames.ndim != 2 or frames.shape[1] != MELS or frames.dtype != np.float32:
        return None
    return frames  # type: ignore[no-any-return]
