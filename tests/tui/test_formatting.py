"""Values in cells: short, comparable, safe."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edm_core.curves.signs import RUN_MARKS
from edm_tui import formatting
from edm_tui.ascii_filter import to_ascii
from edm_tui.themes import run_colour, run_mark


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0412, "0.0412"), (0.0, "0.0000"), (12.3456, "12.346"), (123.456, "123.46"), (1234.5, "1234.5"),
        (5000.0, "5000"), (123456.0, "1.23e5"), (0.000031, "3.10e-5"), (-0.5, "-0.5000"), (math.nan, "nan"),
        (math.inf, "inf"), (-math.inf, "-inf"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_and_name_what_is_none(value: float, text: str) -> None:
    assert formatting.number(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_always_fits_its_column(value: float) -> None:
    assert len(formatting.number(value)) <= formatting.NUMBER_CELLS


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0.003", "3e-3"), ("0.0001", "1e-4"), ("8", "8"), ("0.1", "0.1"), ("cnn", "cnn"), ("nan", "nan"), ("007", "007")],
)
def test_params_are_short(text: str, shown: str) -> None:
    assert formatting.param(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "3s"), (180, "3m"), (7200, "2h"), (5 * 86400, "5d"), (40 * 86400, "5w"), (200 * 86400, "6mo"), (-5, "now")],
)
def test_ages_are_one_number_and_one_unit(seconds: float, text: str) -> None:
    assert formatting.age(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(41, "41s"), (2460, "41m"), (11100, "3h05"), (187200, "2d4h")])
def test_durations(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(512, "512 B"), (1_800_000, "1.8 MB"), (41_000_000_000, "41 GB")])
def test_sizes(count: int, text: str) -> None:
    assert formatting.size(count) == text


@given(st.text(), st.integers(1, 40), st.booleans())
def test_fitted_text_takes_exactly_its_cells(text: str, width: int, right: bool) -> None:
    assert cell_len(formatting.fit(formatting.clean(text), width, right)) == width


@given(st.text())
def test_no_control_character_reaches_the_terminal(text: str) -> None:
    assert formatting.clean(text).isprintable()


@given(st.text())
def test_ascii_mode_writes_ascii_as_wide_as_before(text: str) -> None:
    shown = formatting.clean(text)
    assert to_ascii(shown).isascii()
    assert cell_len(to_ascii(shown)) == cell_len(shown)


@given(st.lists(st.floats(), max_size=60), st.integers(0, 20))
def test_sparklines_fit_and_take_any_number(values: list[float], width: int) -> None:
    assert len(formatting.sparkline(values, width)) == min(len(values), width)


def test_a_sparkline_shows_the_shape_and_keeps_the_gap() -> None:
    assert formatting.sparkline([0.0, 7.0, math.nan, 3.5], 8) == "▁█ ▅"


def test_a_runs_colour_and_mark_are_its_own() -> None:
    assert run_colour("abc") == run_colour("abc")
    assert len({run_colour(f"run {number}") for number in range(100)}) == 8
    assert {run_mark(f"run {number}") for number in range(400)} == set(RUN_MARKS)
    assert all(cell_len(mark) == 1 for mark in RUN_MARKS)
