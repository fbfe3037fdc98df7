"""Colours and marks of lines, the same in terminal, pipe and picture."""

# Found by search: any two differ for all kinds of colour vision, and all stand out from the background (a test says how
# much). Marks tell runs apart where there is no colour at all.
RUN_COLOURS = ("#44bdfc", "#ed9408", "#068470", "#fbde71", "#8079ff", "#ed5740", "#df99bc", "#d0e7b9")
"""On a dark background."""
LIGHT_COLOURS = ("#0c5fb3", "#909216", "#00a257", "#724700", "#4501af", "#86153c", "#c0618c", "#380f4e")
"""On a light one, in pictures too."""
RUN_MARKS = ("●", "▲", "■", "◆", "▼", "◉", "✚")
BAD_SIGNS = {"nan": "×", "inf": "↑", "-inf": "↓"}
"""What stands where a value was no number."""


def sign_of(number: int, *, light: bool = False) -> tuple[str, str]:
    """(colour, mark) of the run with this number; no two of the first 56 have both in common."""
    colours = LIGHT_COLOURS if light else RUN_COLOURS
    return colours[number % len(colours)], RUN_MARKS[number % len(RUN_MARKS)]


def on_white(colour: str) -> str:
    """The colour that a run has on a light background; any other colour as it is."""
    return dict(zip(RUN_COLOURS, LIGHT_COLOURS, strict=True)).get(colour, colour)
