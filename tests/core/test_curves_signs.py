"""Runs can be told apart: by colour for every kind of colour vision on both backgrounds, by mark without colours."""

import itertools
import math

import pytest

from edm_core.curves.signs import LIGHT_COLOURS, RUN_COLOURS, on_white, sign_of
from edm_tui.themes import THEMES

Triple = tuple[float, float, float]
# What is left of linear red, green and blue without one kind of cone (Machado, Oliveira and Fernandes 2009, table 1).
VISIONS: dict[str, tuple[Triple, Triple, Triple]] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def brightness(rgb: list[float]) -> float:
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 counts it."""
    low, high = sorted((brightness(linear(one)), brightness(linear(other))))
    return (high + 0.05) / (low + 0.05)


def seen(colour: str, vision: str) -> Triple:
    """CIELAB of a colour as this vision has it."""
    rgb = [min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear(colour), strict=True)))) for row in VISIONS[vision]]
    x = (0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.9505
    z = (0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.089
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, brightness(rgb), z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colours", [RUN_COLOURS, LIGHT_COLOURS])
def test_any_two_colours_differ(colours: tuple[str, ...], vision: str) -> None:
    for one, other in itertools.combinations(colours, 2):
        assert math.dist(seen(one, vision), seen(other, vision)) > 20, (one, other)


def test_colours_stand_out_from_their_background() -> None:
    for theme, colours in zip(THEMES, (RUN_COLOURS, LIGHT_COLOURS), strict=True):
        assert theme.background is not None
        assert min(contrast(colour, theme.background) for colour in colours) > 3
    assert min(contrast(on_white(colour), "#ffffff") for colour in RUN_COLOURS) > 3


def test_no_two_of_56_runs_have_colour_and_mark_in_common() -> None:
    assert len({sign_of(number) for number in range(56)}) == 56
    assert sign_of(3)[1] == sign_of(3, light=True)[1]
    assert on_white("#123456") == "#123456"
