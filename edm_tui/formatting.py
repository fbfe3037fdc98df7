"""How values are written in cells: short, comparable, and safe for a terminal."""

import math
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

SPARKS = "▁▂▃▄▅▆▇█"
NOTHING = "–"
NUMBER_CELLS = 8
YEAR = 31_557_600
# Unit, its seconds, and up to how many of them it is used.
AGES = (("s", 1, 60), ("m", 60, 60), ("h", 3600, 48), ("d", 86400, 30), ("w", 604800, 9), ("mo", YEAR / 12, 12))


def clean(text: str) -> str:
    """Text from outside on one line: control characters become '?', line ends and tabs spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else (" " if c in "\n\r\t " else "?") for c in text)


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` terminal cells; what is left out shows as …"""
    size = len(text) if text.isascii() else cell_len(text)
    if size > width:
        if width <= 0:
            return ""
        return fit(set_cell_size(text, width - 1).rstrip() + "…", width, right)
    space = " " * (width - size)
    return space + text if right else text + space


@lru_cache(4096)
def number(value: float) -> str:
    """About four significant digits in at most eight characters: 0.0412, 12.350, 3.1e-5; NaN and infinities by name."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    if not size or 1e-3 <= size < 1e5:
        digits = 4 if size < 10 else 3 if size < 100 else 2 if size < 1000 else 1
        text = str(int(value)) if value == int(value) and size >= 1000 else f"{value:.{digits}f}"
        if len(text) <= NUMBER_CELLS:
            return text
    return next(text for digits in (2, 1, 0) if len(text := _power(f"{value:.{digits}e}")) <= NUMBER_CELLS)


def _power(text: str) -> str:
    """1.23e+05 as 1.23e5, 3.10e-05 as 3.10e-5."""
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}"


@lru_cache(1024)
def param(text: str) -> str:
    """A param's text; numbers in their short form (0.003 stays, 0.0001 becomes 1e-4)."""
    try:
        value = float(text)
    except ValueError:
        return clean(text)
    if not math.isfinite(value) or text.lstrip("-").isdigit():
        return clean(text)
    if value and (abs(value) < 1e-2 or abs(value) >= 1e6):
        mantissa, _, exponent = f"{value:.4e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:g}"


def age(seconds: float) -> str:
    """3s, 3m, 2h, 5d, 3w, 6mo, 2y: one number and its unit."""
    if seconds < 0:
        return "now"
    for unit, one, most in AGES:
        if seconds < one * most:
            return f"{int(seconds // one)}{unit}"
    return f"{int(seconds // YEAR)}y"


def duration(seconds: float) -> str:
    """41s, 41m, 3h05, 2d4h: how long something took."""
    total = int(max(0.0, seconds))
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m"
    if total < 86400:
        return f"{total // 3600}h{total % 3600 // 60:02d}"
    return f"{total // 86400}d{total % 86400 // 3600}h"


def size(count: int) -> str:
    """Bytes in decimal units, as disks are sold: 512 B, 1.8 MB, 41 GB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def count(number_of: int) -> str:
    """1,284."""
    return f"{number_of:,}"


def sparkline(values: Sequence[float], width: int) -> str:
    """At most `width` characters, oldest first: the curve's shape. NaN and infinities leave a gap."""
    return _sparkline(tuple(values), width)


@lru_cache(8192)
def _sparkline(values: tuple[float, ...], width: int) -> str:
    if not values or width <= 0:
        return ""
    if len(values) > width:
        values = tuple(values[round(i * (len(values) - 1) / max(1, width - 1))] for i in range(width))
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return " " * len(values)
    low, high = min(finite), max(finite)
    # Halving both ends keeps the span finite for values near the largest float.
    span = (high / 2 - low / 2) * 2
    if not span or not math.isfinite(span):
        return "".join(SPARKS[2] if math.isfinite(value) else " " for value in values)
    top = len(SPARKS) - 1
    return "".join(SPARKS[round((value - low) / span * top)] if math.isfinite(value) else " " for value in values)


def clean_lines(text: str) -> str:
    """Text from outside, line by line."""
    return "\n".join(map(clean, text.splitlines()))
