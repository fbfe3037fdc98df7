"""`--ascii`: every line on its way to the terminal, whoever drew it, with ASCII characters only."""

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from edm_core.snapshots.runs import DataState

TABLE = {
    **{state.symbol: state.ascii_symbol for state in DataState},
    **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
    **dict(zip("●▲■◆▼◉✚★", "o^#+v@%*", strict=True)),
    **dict(zip("▶▾▸▴◂‹›←→↑↓↻×•±≤≥−–—…", ">v>^<<><>^v@x*~<>---~", strict=True)),
    "Δ": "d",
    **dict(zip("━─╍│┃║═▌▐▎▊▔▓░’‘“”\u00a0", "---|||=||||-#.''\"\" ", strict=True)),
}


class AsciiFilter(LineFilter):
    """Replaces what is not ASCII, cell for cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() or segment.control else Segment(to_ascii(segment.text), segment.style)
            for segment in segments
        ]


def to_ascii(text: str) -> str:
    """`text` in ASCII, as many cells wide as before."""
    return "".join(character if character.isascii() else _ascii(character) for character in text)


@lru_cache(4096)
def _ascii(character: str) -> str:
    width = cell_len(character)
    known = TABLE.get(character)
    if known is None and "\u2500" <= character <= "\u257f":
        known = "+"
    elif known is None and "\u2800" <= character <= "\u28ff":
        known = " " if character == "\u2800" else ":" if (ord(character) - 0x2800).bit_count() > 2 else "."
    elif known is None:
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        known = plain[:1] or "?"
    return known.ljust(width, known)[:width] if width else ""
