"""Colours and faces of ANSI's `ESC [ … m` (ECMA-48 SGR), as styles in Rich's words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_FACES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_FACES_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


@dataclass(frozen=True, slots=True)
class Style:
    """What is switched on: faces, and two colours ("" is the terminal's own)."""

    faces: frozenset[str] = frozenset()
    foreground: str = ""
    background: str = ""

    @property
    def name(self) -> str:
        """In Rich's words, such as `bold red on color(17)`; "" for plain text."""
        words = [*sorted(self.faces), self.foreground, f"on {self.background}" if self.background else ""]
        return " ".join(word for word in words if word)

    def after(self, codes: str) -> "Style":
        """The style after `ESC [ codes m`; codes that mean nothing here change nothing."""
        return _after(self, codes)


@lru_cache(maxsize=1024)
def _after(style: Style, codes: str) -> Style:
    numbers = iter([int(code) if code.isdigit() else 0 for code in codes.replace(":", ";").split(";")])
    for number in numbers:
        style = Style() if number == 0 else _step(style, number, numbers)
    return style


def _step(style: Style, number: int, numbers: Iterator[int]) -> Style:
    if number in _FACES:
        return replace(style, faces=style.faces | {_FACES[number]})
    if number in _FACES_OFF:
        return replace(style, faces=style.faces - set(_FACES_OFF[number]))
    if number in (38, 48):
        colour = _extended(numbers)
        return replace(style, foreground=colour) if number == 38 else replace(style, background=colour)
    ten, one = divmod(number, 10)
    if ten in (3, 9) and one < 8:
        return replace(style, foreground=("bright_" if ten == 9 else "") + _COLOURS[one])
    if ten in (4, 10) and one < 8:
        return replace(style, background=("bright_" if ten == 10 else "") + _COLOURS[one])
    if number == 39:
        return replace(style, foreground="")
    return replace(style, background="") if number == 49 else style


def _extended(numbers: Iterator[int]) -> str:
    """The colour after 38 or 48: `5;n` or `2;r;g;b`; "" where it is neither."""
    kind = next(numbers, 0)
    if kind == 5:
        number = next(numbers, 256)
        return f"color({number})" if number < 256 else ""
    if kind == 2:
        rgb = [next(numbers, 256) for _ in range(3)]
        return f"rgb({rgb[0]},{rgb[1]},{rgb[2]})" if max(rgb) < 256 else ""
    return ""
