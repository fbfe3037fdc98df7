"""Lines in braille: two dots across and four down in each character cell, and whose line a cell belongs to."""

from collections.abc import Iterable, Iterator

Sample = tuple[float, float, float, float, bool]
"""(x, low, high, middle, joined) in dots, y downwards: low is the upper end. `joined` to the sample before."""
Extent = tuple[int, int]

_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)
_BLANK = 0x2800


def _masks(dots: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(sum(dots[top : bottom + 1]) for bottom in range(4)) for top in range(4))


_MASKS = (_masks(_LEFT), _masks(_RIGHT))
"""The dots from one line to another within a cell, by side."""


def trace(samples: Iterable[Sample], width: int) -> dict[int, tuple[float, float]]:
    """What a line covers in each column of dots: the upper and the lower end. A column keeps both extremes of all
    samples that fall on it, and samples that are joined meet in every column between them."""
    found: dict[int, tuple[float, float]] = {}

    def cover(column: int, upper: float, lower: float) -> None:
        if 0 <= column < width:
            known = found.get(column)
            if known is not None:
                upper, lower = min(upper, known[0]), max(lower, known[1])
            found[column] = (upper, lower)

    before: tuple[float, float] | None = None
    for x, low, high, middle, joined in samples:
        if joined and before is not None:
            for column, upper, lower in _between(*before, x, middle, width):
                cover(column, upper, lower)
        cover(int(x), low, high)
        before = (x, middle)
    return found


def _between(x0: float, y0: float, x1: float, y1: float, width: int) -> Iterator[tuple[int, float, float]]:
    """The columns of a straight line, each with its upper and lower end."""
    first, last = int(x0), int(x1)
    if last <= first:
        yield first, min(y0, y1), max(y0, y1)
        return
    slope = (y1 - y0) / (x1 - x0)
    for column in range(max(first, 0), min(last, width - 1) + 1):
        start = y0 + (max(x0, column) - x0) * slope
        end = y0 + (min(x1, column + 1) - x0) * slope
        yield (column, start, end) if start <= end else (column, end, start)


class Raster:
    """`width` x `height` cells. The last line drawn owns a cell; a line drawn solid pushes faint ones out."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [0] * (width * height)
        self._owners: list[int | None] = [None] * (width * height)
        self._faint = [False] * (width * height)

    def draw(self, columns: dict[int, tuple[float, float]], owner: int, *, dashed: bool, faint: bool) -> None:
        """Draw what `trace` found. What lies above or below the raster is left out."""
        bottom = 4 * self.height - 1
        for column, (upper, lower) in columns.items():
            if lower < 0 or upper > bottom + 1 or (dashed and column % 6 >= 3):
                continue
            self._column(column, max(0, int(upper)), min(bottom, int(lower)), owner, faint)

    def _column(self, column: int, top: int, bottom: int, owner: int, faint: bool) -> None:
        masks = _MASKS[column & 1]
        for row in range(top >> 2, (bottom >> 2) + 1):
            at = row * self.width + (column >> 1)
            if self._faint[at] and not faint:
                self._bits[at] = 0
            self._bits[at] |= masks[max(0, top - 4 * row)][min(3, bottom - 4 * row)]
            self._owners[at], self._faint[at] = owner, faint

    def cell(self, column: int, row: int) -> tuple[str, int | None, bool]:
        """Character, owner and whether it is faint; an empty cell belongs to none."""
        at = row * self.width + column
        bits = self._bits[at]
        return (chr(_BLANK + bits) if bits else " "), self._owners[at], self._faint[at]
