"""Changes to an excerpt that leave its boundaries where they are: level, tone, pitch, bands that are missing.

With twenty tracks to train on they are worth more than anything done to the network: see `bench/folds.py`.
"""

import numpy as np
from numpy.typing import NDArray

from edm_core.training.audio import MELS

GAIN = 0.15
"""Largest change of level, in units of the features (0.25 of a natural log)."""
TONE = 0.2
"""Standard deviation of the change at each of TONE_POINTS points across the bands, in the same units."""
TONE_POINTS = 6
SHIFT = 2
"""Largest shift in bands, up or down: about two semitones at 1 kHz."""
MASKS, MASK_WIDTH = 2, 6
"""How many ranges of bands are silenced, and how wide each may be."""

Array = NDArray[np.float32]


def augment(planes: Array, energy: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """A changed copy of the network's input (frames, planes * MELS), and the energy target (frames, 3) that fits it.

    Level and tone change the first plane, the log-mel frames; the others are differences, which they leave alone.
    """
    cube = planes.reshape(len(planes), -1, MELS)
    shift = int(generator.integers(-SHIFT, SHIFT + 1))
    cube = cube[:, :, np.clip(np.arange(MELS) - shift, 0, MELS - 1)]
    tone = _tone(generator)
    cube[:, 0] += tone
    for _ in range(MASKS):
        width = int(generator.integers(0, MASK_WIDTH + 1))
        first = int(generator.integers(0, MELS + 1 - width))
        cube[:, :, first : first + width] = 0.0
    return cube.reshape(planes.shape), energy + tone.mean()


def _tone(generator: np.random.Generator) -> Array:
    """A change of level with a smooth course over the bands, shape (MELS,)."""
    points = generator.normal(0.0, TONE, TONE_POINTS) + generator.uniform(-GAIN, GAIN)
    return np.interp(np.arange(MELS), np.linspace(0, MELS - 1, TONE_POINTS), points).astype(np.float32)
