"""The instruments: one-shot drum sounds and wavetables, as integer arrays."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from edm_core.data.intmath import FULL, RATE, TABLE, TABLE_BITS, Ints, noise, sine_table

LEVEL_HARMONICS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48)
"""How many harmonics each filter level of a wavetable lets through; a sweep crossfades between neighbours."""


@cache
def decay(length: int, half_life: int) -> Ints:
    """An envelope from FULL down, halved every `half_life` samples, straight to zero in the last 64."""
    # 45426/65536 is the natural logarithm of 2: one step of a continuous decay.
    value, out = FULL << 16, []
    for n in range(length):
        out.append((value >> 16) * min(64, length - n) >> 6)
        value -= value * 45_426 // (half_life << 16)
    return np.array(out, dtype=np.int64)


def _tone(increments: Ints) -> Ints:
    phase = np.cumsum(increments) & 0xFFFFFFFF
    wave: Ints = sine_table()[phase >> (32 - TABLE_BITS)]
    return wave


def _hertz(frequency: int) -> int:
    return (frequency << 32) // RATE


def smooth(samples: Ints, width: int) -> Ints:
    """The mean of the last `width` samples: a soft low-pass."""
    total = np.cumsum(samples)
    out = total.copy()
    out[width:] -= total[:-width]
    return out // width


def bright(samples: Ints) -> Ints:
    """Half the difference of neighbouring samples: a soft high-pass."""
    out = samples.copy()
    out[1:] -= samples[:-1]
    return out >> 1


def kick(base: int, sweep: int, half_life: int, click: int) -> Ints:
    """A sine that falls from base+sweep to base hertz, with a click of noise at its start."""
    length = RATE * 3 // 10
    fall = decay(length, 260)
    body = _tone(_hertz(base) + (fall * _hertz(sweep) >> 15)) * decay(length, half_life) >> 15
    body[:400] += noise(base * 7919 + sweep, 400) * decay(400, 60) * click >> 23
    return body


def clap(seed: int, half_life: int, tone: int) -> Ints:
    """Three quick bursts of bright noise and a tail; `tone` mixes in a drum's body (0 to 256)."""
    length = RATE // 4
    bursts = np.zeros(length, dtype=np.int64)
    for start in (0, 160, 330):
        bursts[start:] = np.maximum(bursts[start:], decay(length - start, half_life if start == 330 else 90))
    body = _tone(np.full(length, _hertz(190), dtype=np.int64)) * decay(length, 500) >> 15
    return (bright(noise(seed, length)) * bursts >> 15) + (body * tone >> 8)


def hat(seed: int, half_life: int) -> Ints:
    """Twice differenced noise that dies away quickly."""
    length = min(RATE // 3, half_life * 9)
    return bright(bright(noise(seed, length))) * decay(length, half_life) >> 14


def crash(seed: int) -> Ints:
    """A long wash of bright noise."""
    length = RATE * 2
    return bright(noise(seed, length)) * decay(length, RATE * 2 // 5) >> 15


def boom(base: int) -> Ints:
    """A low impact that sinks over a second."""
    length = RATE
    fall = decay(length, RATE // 3)
    return _tone(_hertz(base) + (fall * _hertz(base // 2) >> 15)) * decay(length, RATE // 5) >> 15


@dataclass(frozen=True)
class Timbre:
    """A wavetable voice: which harmonics sound (odd only, or all) and whether they fall off steeply."""

    odd: bool = False
    steep: bool = False


@cache
def wavetables(timbre: Timbre) -> Ints:
    """One cycle for each filter level, flattened: shape [len(LEVEL_HARMONICS) * TABLE], peak about FULL."""
    sine = sine_table()
    positions = np.arange(TABLE, dtype=np.int64)
    total, tables = np.zeros(TABLE, dtype=np.int64), []
    top = LEVEL_HARMONICS[-1]
    for harmonic in range(1, top + 1):
        if not (timbre.odd and harmonic % 2 == 0):
            weight = harmonic * (harmonic if timbre.steep else 1)
            total = total + sine[(positions * harmonic) % TABLE] // weight
        if harmonic in LEVEL_HARMONICS:
            tables.append(total)
    peak = int(np.abs(tables[-1]).max())
    return np.concatenate(tables) * FULL // peak


def noise_bands(seed: int, length: int) -> Ints:
    """Noise through four filters from dull to bright, shape [4, length], for risers that open up."""
    white = noise(seed, length)
    return np.stack((smooth(white, 24) * 3, smooth(white, 6) * 2, white, bright(white)))
