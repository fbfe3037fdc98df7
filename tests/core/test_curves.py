"""Histories, smoothing, axes and drawing: nothing that was logged disappears, and axes say round things."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.curves.axes import linear_ticks, scale_for, short, step_label, x_ticks
from edm_core.curves.grouping import grouped, matcher
from edm_core.curves.history import EXACT, History, Timed, extended, from_points, reduced, unchanged
from edm_core.curves.lines import FAR, Line, Reading, View, next_x, steps_between, value_at
from edm_core.curves.picture import Picture, draw, with_cursor
from edm_core.curves.plotted import ALARM
from edm_core.curves.smoothing import smoothed

numbers = st.floats(-1e6, 1e6)
histories = st.lists(numbers | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=60)


def timed(values: list[float]) -> list[Timed]:
    return [(step, 1000 * step, value) for step, value in enumerate(values)]


def text_of(picture: Picture) -> list[str]:
    return ["".join(cell[0] for cell in row) for row in picture.rows]


@given(histories, st.integers(1, 12))
def test_parts_keep_every_extreme_and_count_every_number(values: list[float], parts: int) -> None:
    whole, cut = from_points(timed(values)), reduced(timed(values), parts, exact=0)
    assert len(cut) <= parts
    assert cut.total == whole.total == sum(map(math.isfinite, values))
    assert len(cut.bad) == len(values) - cut.total
    assert (cut.lowest, cut.highest) == (whole.lowest, whole.highest)
    if cut.total:
        assert min(cut.lows) == min(whole.lows)
        assert max(cut.highs) == max(whole.highs)
        assert math.isclose(
            sum(m * n for m, n in zip(cut.means, cut.counts, strict=True)), sum(whole.means), abs_tol=1e-3
        )


def test_a_short_history_is_kept_point_by_point() -> None:
    assert reduced(timed([1.0] * EXACT), 10).exact
    assert not reduced(timed([1.0] * (EXACT + 1)), 10).exact


def test_a_history_grows_at_its_end() -> None:
    points = timed([3.0, math.nan, 1.0, 5.0])
    assert extended(from_points(points[:2]), points[2:]) == from_points(points[2:]).__class__(
        (0, 2, 3), (0, 2000, 3000), (3.0, 1.0, 5.0), (3.0, 1.0, 5.0), (3.0, 1.0, 5.0), (1, 1, 1),
        (points[1],), (2, 1.0), (3, 5.0), points[3],
    )  # fmt: skip


def test_what_is_the_same_stays_the_same_object() -> None:
    old = from_points(timed([1.0, math.nan]))
    assert unchanged(old, from_points(timed([1.0, math.nan]))) is old
    assert unchanged(old, from_points(timed([1.0, 2.0]))) is not old


def test_the_value_at_a_step_is_the_last_one_there() -> None:
    line = Line("a", from_points([(2, 2000, 0.2), (4, 4000, math.nan), (6, 6000, 0.6)]), start_ms=1000)
    found = {x: value_at(line, "step", x) for x in (1, 3, 5, 99)}
    assert found[1] is None
    assert [reading and reading.step for reading in found.values()] == [None, 2, 4, 6]
    assert math.isnan(found[5].value if found[5] else 0.0)
    assert value_at(line, "relative", 5.0) == Reading(6, 0.6, 0.6, 0.6, 1)
    assert (next_x([line], "step", 2, 1), next_x([line], "step", 2, -1), next_x([line], "step", 6, 1)) == (
        6,
        None,
        None,
    )
    assert next_x([line], "relative", 0, 1) == 1.0
    longer = Line("b", from_points(timed([0.0] * 9)))
    assert steps_between(longer, "relative", (3.5, 4.5)) == (2, 6)
    assert steps_between(longer, "step", (0.5, 8)) == (-FAR, FAR)


def test_training_and_validation_share_a_chart() -> None:
    keys = ["val_loss", "train_loss", "best_val_loss", "lr", "acc/val", "acc/train", "val_f1"]
    assert grouped(keys) == {
        "acc": ("acc/train", "acc/val"), "best_val_loss": ("best_val_loss",), "loss": ("train_loss", "val_loss"),
        "lr": ("lr",), "val_f1": ("val_f1",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["loss", "val_f1", "LR"]), ("l", ["loss", "val_f1", "LR"]), ("lo*", ["loss"]), ("?r", ["LR"]),
        ("^l", ["loss", "LR"]), ("f1|lr", ["val_f1", "LR"]), ("!loss", ["val_f1", "LR"]),
        ("(", []), ("*f1", ["val_f1"]),
    ],
)  # fmt: skip
def test_charts_are_chosen_by_part_glob_or_expression(pattern: str, names: list[str]) -> None:
    assert [name for name in ("loss", "val_f1", "LR") if matcher(pattern)(name)] == names


@given(st.lists(numbers, min_size=1, max_size=30), st.floats(0, 0.99))
def test_smoothing_begins_without_a_bias_and_stays_within_the_values(values: list[float], weight: float) -> None:
    found = smoothed(values, [1] * len(values), weight)
    assert math.isclose(found[0], values[0], abs_tol=1e-6)
    slack = 1e-6 * (1 + max(map(abs, values)))
    assert all(min(values) - slack <= value <= max(values) + slack for value in found)


def test_a_value_that_stands_for_many_moves_the_average_as_often() -> None:
    assert smoothed([1.0, 3.0], [1, 3], 0.9)[-1] == pytest.approx(smoothed([1.0, 3.0, 3.0, 3.0], [1] * 4, 0.9)[-1])


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(2, 12))
def test_step_ticks_are_whole_and_few(first: int, width: int, count: int) -> None:
    ticks = x_ticks("step", first, first + width, count)
    assert len(ticks) <= count + 1
    assert all(place == int(place) for place, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


def test_labels_are_short_and_tell_ticks_apart() -> None:
    assert [label for _, label in linear_ticks(0, 0.3, 3)] == ["0.0", "0.1", "0.2", "0.3"]
    assert [short(value) for value in (0.0, 1e-5, 0.25, 10_000.0, 3e8)] == ["0", "1e-5", "0.25", "10000", "3e8"]
    assert [step_label(step) for step in (40, 2500, 20_000, 1_500_000)] == ["40", "2500", "20k", "1.5M"]
    assert [label for _, label in x_ticks("relative", 0, 7200, 4)] == ["0s", "30m", "1h", "1h30", "2h"]


@given(st.lists(numbers, min_size=1, max_size=9))
def test_a_scale_is_monotone_and_finds_its_way_back(values: list[float]) -> None:
    scale = scale_for(True, values)
    ordered = sorted(values)
    places = [scale.place(value) for value in ordered]
    assert places == sorted(places)
    for value, place in zip(ordered, places, strict=True):
        assert math.isclose(scale.value(place), value, rel_tol=1e-6, abs_tol=1e-6)


def test_log_is_symmetric_where_values_are_not_above_zero() -> None:
    assert scale_for(True, [0.1, 10]).kind == "log"
    assert scale_for(True, [-0.1, 10]).kind == "symlog"
    assert scale_for(True, [0.0]).kind == "linear"


def test_a_spike_reaches_the_top_of_the_chart() -> None:
    values = [0.0] * 5000
    values[3210] = 9.0
    line = Line("a", reduced(timed(values), 200))
    for view in (View(), View(unit="relative"), View(x=(3000.0, 3400.0))):
        picture = draw([line], view, 60, 12)
        frame = picture.frame
        assert frame is not None
        column = frame.column_of(3210 if view.unit == "step" else 3210.0)
        top = [row for row in text_of(picture)[: frame.height // 2] if row[column - 1 : column + 2].strip(" ⠀")]
        assert top


def test_nan_and_infinity_leave_a_gap_and_a_mark() -> None:
    values = [1.0] * 20 + [math.nan] * 20 + [1.0] * 20
    values[50] = math.inf
    picture = draw([Line("a", from_points(timed(values)))], View(), 70, 12)
    rows = text_of(picture)
    assert any(cell == ("×", ALARM, False) for row in picture.rows for cell in row)
    assert "↑" in rows[0]
    gap = range(*(picture.frame.column_of(x) for x in (21, 38))) if picture.frame else range(0)
    drawn = {column for row in rows[:10] for column in gap if 0x2800 < ord(row[column]) <= 0x28FF}
    assert drawn == set()


def test_runs_are_told_apart_by_their_marks_and_the_raw_line_is_faint() -> None:
    lines = [Line("a", from_points(timed([0.0, 1.0] * 30)), "▲"), Line("b", from_points(timed([2.0] * 60)), "■")]
    picture = draw(lines, View(smooth=0.9), 60, 16)
    cells = [cell for row in picture.rows for cell in row]
    assert {("▲", 0, False), ("■", 1, False)} <= set(cells)
    assert any(faint for _, owner, faint in cells if owner == 0)


def test_the_cursor_draws_over_no_line() -> None:
    values = [0.0, 1.0] * 30
    for picture in (draw([Line("a", from_points(timed(part)))], View(), 60, 12) for part in (values, sorted(values))):
        changed = [
            (old, new)
            for before, after in zip(picture.rows, with_cursor(picture, 30), strict=True)
            for old, new in zip(before, after, strict=True)
            if old != new
        ]
        assert changed[-1][1][0] == "┴"
        assert all(old[0] == " " and new[0] == "│" for old, new in changed[:-1])
        assert with_cursor(picture, 1e9) == picture.rows


def test_a_growing_axis_stays_while_points_come() -> None:
    frames = [
        draw([Line("a", from_points(timed([1.0] * count)))], View(growing=True), 60, 12).frame for count in (52, 58)
    ]
    assert frames[0] == frames[1]


@given(histories, st.booleans(), st.sampled_from([0.0, 0.9]), st.integers(1, 90), st.integers(1, 30))
def test_every_chart_fits_its_room(values: list[float], log: bool, weight: float, width: int, height: int) -> None:
    rows = draw([Line("a", from_points(timed(values)))], View(log=log, smooth=weight, clip=True), width, height).rows
    assert len(rows) in (0, height)
    assert all(len(row) == width for row in rows)


def test_nothing_to_draw_draws_nothing() -> None:
    assert draw([Line("a", History())], View(), 60, 12).rows == []
