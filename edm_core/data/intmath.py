"""Sines, musical pitches and noise in integer arithmetic, so that every machine gets the same bits.

Nothing here goes through libm: floating-point sines and powers differ between C libraries and CPUs.
"""

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

RATE = 16_000
"""Samples a second of the made data set."""

Ints = npt.NDArray[np.int64]
T = TypeVar("T")

_ONE = 1 << 60
TABLE_BITS = 11
TABLE = 1 << TABLE_BITS
"""Samples in one cycle of a wavetable."""
FULL = 32_767


@cache
def pi_60() -> int:
    """Pi times 2^60 by Machin's formula, 16 atan(1/5) - 4 atan(1/239), with guard bits."""
    guard = 1 << 80

    def atan_inverse(x: int) -> int:
        term, total, n = guard // x, 0, 1
        while term:
            total += term // n if n % 4 == 1 else -(term // n)
            term //= x * x
            n += 2
        return total

    return (16 * atan_inverse(5) - 4 * atan_inverse(239)) >> 20


@cache
def sine_table() -> Ints:
    """One cycle of a sine in TABLE samples of amplitude FULL, by the Taylor series on Python integers."""
    quarter = TABLE // 4
    first = [_sine(2 * pi_60() * n // TABLE) for n in range(quarter + 1)]
    half = first[:-1] + first[:0:-1]
    return np.array(half + [-value for value in half], dtype=np.int64)


def _sine(angle: int) -> int:
    term, total, n = angle, 0, 1
    while term:
        total += term
        term = -((term * angle >> 60) * angle >> 60) // ((n + 1) * (n + 2))
        n += 2
        if n > 41:
            break
    return (total * FULL + (_ONE >> 1)) >> 60


def integer_root(value: int, degree: int) -> int:
    """The largest r with r**degree <= value."""
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low


@cache
def note_increment(note: int) -> int:
    """Phase step a sample, of 2^32 a cycle, of a MIDI note: 440 Hz * 2^((note-69)/12) as an exact 12th root."""
    numerator = (440 << 32) ** 12
    power = note - 69
    scaled = numerator << power if power >= 0 else numerator >> -power
    return integer_root(scaled // RATE**12, 12)


_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def noise(seed: int, length: int) -> Ints:
    """White noise between -32768 and 32767 by splitmix64 (Steele, Lea, Flood 2014), the vector twin of `Rng`."""
    z = np.arange(1, length + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(seed & _MASK)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(48)).astype(np.int64) - 32_768


class Rng:
    """splitmix64 with the few draws that composing needs; the same sequence everywhere and for ever."""

    def __init__(self, seed: int) -> None:
        self._state = _mix(seed & _MASK)

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + _GOLDEN) & _MASK
        return _mix(self._state)

    def below(self, n: int) -> int:
        """A whole number from 0 to n-1."""
        return (self.bits() >> 16) % n

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 draws."""
        return self.below(100) < percent

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`."""
        return items[self.below(len(items))]
