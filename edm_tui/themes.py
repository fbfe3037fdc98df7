"""Colours: the themes, and a colour and a mark for each run that stay its own on every screen."""

from textual.theme import BUILTIN_THEMES, Theme

from edm_core.curves.signs import RUN_MARKS, sign_of

ASCII_MARKS = "o^#+v@%"

THEMES = (
    Theme(
        name="edm-dark",
        primary="#56b4e9",
        secondary="#d38cb8",
        accent="#e69f00",
        warning="#e69f00",
        error="#e5702a",
        success="#2fbf91",
        foreground="#d6d9de",
        background="#101317",
        surface="#171b21",
        panel="#1f252d",
        dark=True,
        variables={"run-cursor": "#2b3a4c", "text-quiet": "#8a929c"},
    ),
    Theme(
        name="edm-light",
        primary="#0066a6",
        secondary="#a14d82",
        accent="#9a5b00",
        warning="#9a5b00",
        error="#b33c00",
        success="#00735a",
        foreground="#20242a",
        background="#fbfbf9",
        surface="#f1f1ed",
        panel="#e6e6e0",
        dark=False,
        variables={"run-cursor": "#cfe0ee", "text-quiet": "#5d646c"},
    ),
)

# Beside Textual's own, so that an app can begin with one of them instead of changing to it (and parsing all CSS again).
BUILTIN_THEMES.update({theme.name: theme for theme in THEMES})


_numbers: dict[str, int] = {}
_light = False


def suit_background(*, light: bool) -> None:
    """Take the colours of runs from those for a light or for a dark background, from now on."""
    global _light
    _light = light


def _number(row_id: str) -> int:
    """Numbers in the order in which runs are first seen: those that stand beside each other differ in colour and in
    mark, which numbers made of their ids would not."""
    return _numbers.setdefault(row_id, len(_numbers))


def run_colour(row_id: str) -> str:
    """The colour of a run, as #rrggbb: the same on every screen for as long as the program runs."""
    return sign_of(_number(row_id), light=_light)[0]


def run_mark(row_id: str) -> str:
    """The mark of a run, one cell wide, so that colour is never the only sign."""
    return sign_of(_number(row_id))[1]


def ascii_mark(mark: str) -> str:
    """A run's mark in ASCII, as `--ascii` shows it."""
    return dict(zip(RUN_MARKS, ASCII_MARKS, strict=True)).get(mark, mark)


def with_mark(text: str, mark: str) -> str:
    """A piece of a line as `--ascii` draws it: the run's mark wherever there is something."""
    return "".join(" " if char == " " else ascii_mark(mark) for char in text)
