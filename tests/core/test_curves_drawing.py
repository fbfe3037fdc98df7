"""What goes to plotext, and what comes back: nothing that was logged disappears, and no chart takes for ever."""

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.curves.figure import Chart, picture
from edm_core.curves.history import from_points, reduced
from edm_core.curves.lines import Line, View
from edm_core.curves.picture import COARSER, MOST_DOTS, draw
from edm_core.curves.plotted import ALARM, AXIS, Stroke, plotted
from edm_core.curves.polyline import dashed, inside, length, straightened, thinned

dots = st.lists(
    st.tuples(st.integers(-50, 250), st.floats(-300, 300)).map(lambda dot: (float(dot[0]), dot[1])),
    min_size=1,
    max_size=80,
).map(sorted)


@given(dots, st.sampled_from(COARSER))
def test_thinning_keeps_the_extremes_of_every_column(stretch: list[tuple[float, float]], columns: int) -> None:
    kept = thinned(stretch, columns)
    assert all(dot in stretch for dot in kept)
    assert kept == sorted(kept, key=stretch.index)
    for column in {dot[0] // columns for dot in stretch}:
        there = [y for x, y in stretch if x // columns == column]
        left = [y for x, y in kept if x // columns == column]
        assert (min(left), max(left)) == (min(there), max(there))
        assert len(stretch) < 3 or len(left) <= 4


@given(dots, st.integers(0, 1))
def test_what_is_cut_lies_inside_and_what_lay_inside_stays(stretch: list[tuple[float, float]], axis: int) -> None:
    parts = list(inside(stretch, axis, 10, 60))
    assert all(10 <= dot[axis] <= 60 for part in parts for dot in part)
    if len(stretch) > 1:
        assert {dot for dot in stretch if 10 <= dot[axis] <= 60} <= {dot for part in parts for dot in part}


@given(dots)
def test_dashes_lie_on_the_line(stretch: list[tuple[float, float]]) -> None:
    for dash in dashed(stretch):
        assert all(dot[0] % 6 <= 2 for dot in dash)
    assert len(straightened(stretch)) <= len(stretch)


def test_a_line_is_cut_where_it_crosses_the_edge() -> None:
    assert list(inside([(0, 0), (10, 10), (20, 0)], 1, 0, 5)) == [[(0, 0), (5, 5)], [(15, 5), (20, 0)]]
    assert list(inside([(0, 0), (10, 10)], 0, 20, 30)) == []


def test_noise_costs_no_more_than_a_chart_is_worth_and_keeps_its_spike(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Stroke] = []

    def spied(strokes: list[Stroke], *args: Any, **more: Any) -> Any:
        seen[:] = strokes
        return plotted(strokes, *args, **more)

    monkeypatch.setattr("edm_core.curves.picture.plotted", spied)
    chance = random.Random(1)
    values = [chance.random() for _ in range(20_000)]
    values[7_777] = 1.6
    lines = [Line(f"{n}", reduced([(s, s, v) for s, v in enumerate(values)], 400)) for n in range(8)]
    rows = draw(lines, View(), 200, 45).rows
    assert sum(length(list(part)) for stroke in seen if not stroke.mark for part in stroke.stretches) < MOST_DOTS
    above = [column for row in rows[:14] for column, cell in enumerate(row) if cell[1] >= 0]
    assert above
    assert all(abs(column - 4 - 195 * 7_777 / 20_000) < 20 for column in above)


def test_a_character_stands_in_the_cell_of_its_dot() -> None:
    width, height = 37, 11
    for column in range(width):
        row = column % height
        dot = (2.0 * column + 1, 4.0 * row + 2)
        cells = plotted([Stroke(3, [[dot]], "●")], width, height, [(0, "0")], [(dot[1], "x")])
        line = cells[height - 1 - row]
        assert line[2 + column] == ("●", 3, False)
        assert line[0][0] == "x"


def test_owners_and_faintness_come_back_however_many_there_are() -> None:
    strokes = [Stroke(n, [[(0, 8 * row), (79, 8 * row)]], faint=n % 2 == 1) for row, n in enumerate((0, 1, 255, 4000))]
    cells = plotted([*strokes, Stroke(ALARM, [[(10, 39)]], "×")], 40, 10, [(0, "0")], [(0, "0")])
    found = {cell[1:] for row in cells for cell in row}
    assert found == {(AXIS, False), (0, False), (1, True), (255, True), (4000, False), (ALARM, False)}


def test_two_charts_do_not_mix() -> None:
    one = draw([Line("a", from_points([(0, 0, 1.0), (9, 0, 2.0)]))], View(), 40, 12).rows
    draw([Line("b", from_points([(5, 0, -70.0), (900, 0, 1e9)]))], View(log=True), 90, 30)
    assert draw([Line("a", from_points([(0, 0, 1.0), (9, 0, 2.0)]))], View(), 40, 12).rows == one


def test_pictures_take_every_name_and_value() -> None:
    odd = [(0, 0, 1.0), (1, 0, math.nan), (2, 0, math.inf), (3, 0, -2.0)]
    lines = (Line("_$x^{", from_points(odd)), Line("<b>\x1b[31m", from_points(odd[:1]), "▲", dashed=True))
    chart = Chart("a $ b & c", lines, ("#56b4e9", "#e69f00"), View(log=True, smooth=0.6))
    text = picture(chart, "svg").decode()
    assert "_$x^{" in text
    assert "\x1b" not in text
    assert picture(chart, "svg").decode() == text
    assert b"no values" in picture(Chart("nothing"), "svg")
    assert picture(Chart("nothing"), "png").startswith(b"\x89PNG")
