"""Colours and marks of lines, the same in terminal, pipe and picture."""

# Okabe and Ito's palette for all kinds of colour vision, lightened where a dark background asks for it.
RUN_COLOURS = ("#56b4e9", "#e69f00", "#2fbf91", "#f0e442", "#4f94d4", "#e5702a", "#d38cb8", "#c9c9c9")
RUN_MARKS = ("●", "▲", "■", "◆", "▼", "◉", "✚")
BAD_SIGNS = {"nan": "×", "inf": "↑", "-inf": "↓"}
"""What stands where a value was no number."""


def sign_of(number: int) -> tuple[str, str]:
    """(colour, mark) of the run with this number; no two of the first 56 have both in common."""
    return RUN_COLOURS[number % len(RUN_COLOURS)], RUN_MARKS[number % len(RUN_MARKS)]
