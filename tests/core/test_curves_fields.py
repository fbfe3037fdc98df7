"""Params and metrics as axes: categories, decades, missing values; parallel coordinates, scatter and importance."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from edm_core.curves.fields import METRIC, PARAM, Field, fields_of
from edm_core.curves.importance import importances, ranks
from edm_core.curves.parallel import MOST_LINES, Lit, parallel
from edm_core.curves.plotted import AXIS, CURSOR
from edm_core.curves.scatter import scatter
from edm_core.snapshots.runs import MetricSummary, RunRow


def row(name: str, params: dict[str, str], best: float | None) -> RunRow:
    metrics = {} if best is None else {"val_loss": MetricSummary(9.0, 1, best, 0)}
    return RunRow(name, name, params=params, metrics=metrics)


ROWS = [
    row("a", {"lr": "0.0001", "net": "cnn", "seed": "1"}, 0.5),
    row("b", {"lr": "0.001", "net": "mert", "seed": "1"}, 0.4),
    row("c", {"lr": "0.01", "net": "cnn", "seed": "1"}, 0.3),
    row("d", {"net": "cnn", "seed": "1"}, None),
]


def test_fields_are_numbers_words_or_missing() -> None:
    found = {field.name: field for field in fields_of(ROWS)}
    assert list(found) == ["lr", "net", "seed", "val_loss"]
    assert found["lr"].log
    assert found["lr"].places() == pytest.approx((0.0, 0.5, 1.0, None))
    assert found["net"].places() == (0.0, 1.0, 0.0, 0.0)
    assert found["val_loss"].values == (0.5, 0.4, 0.3, None)
    assert not found["seed"].varies
    assert found["seed"].places() == (0.5,) * 4
    assert found["lr"].ends == ("1e-4", "0.01")


@given(st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=5)), min_size=1, max_size=40), st.booleans())
def test_every_place_lies_on_the_axis(values: list[float | str | None], log: bool) -> None:
    field = Field("x", PARAM, tuple(values), log)
    assert all(place is None or 0 <= place <= 1 for place in field.places())
    assert all(0 <= place <= 1 for place, _ in field.ticks(5))
    rows, _ = parallel([field, field], [Lit(0, "●")], 50, 14)
    assert len(rows) == 14
    assert {len(cells) for cells in rows} == {50}


def test_lit_runs_stand_out_and_the_chosen_axis_too() -> None:
    fields = [field for field in fields_of(ROWS) if field.varies]
    rows, left_out = parallel(fields, [Lit(1, "●"), Lit(3, "▲")], 60, 20, chosen=1)
    cells = [cell for line in rows for cell in line]
    assert left_out == 0
    assert {("●", 0, False), ("▲", 1, False)} <= set(cells)
    assert any(owner == AXIS and faint for _, owner, faint in cells)
    text = "\n".join("".join(cell[0] for cell in line) for line in rows)
    assert all(word in text for word in ("lr", "net", "val_loss", "cnn", "mert", "0.01 log", "1e-4"))
    assert "net" in "".join(char for char, owner, _ in rows[-1] if owner == CURSOR)


def test_many_runs_are_thinned_and_that_is_told() -> None:
    chance = random.Random(3)
    values = tuple(chance.random() for _ in range(1000))
    _, left_out = parallel([Field("x", PARAM, values), Field("y", METRIC, values[::-1])], [Lit(5, "●")], 80, 20)
    assert 1000 - 1 - MOST_LINES <= left_out < 999


def test_a_scatter_leaves_out_what_lacks_a_value() -> None:
    found = {field.name: field for field in fields_of(ROWS)}
    rows, left_out = scatter(found["lr"], found["val_loss"], [Lit(2, "■")], 60, 16)
    assert left_out == 1
    assert ("■", 0, False) in {cell for line in rows for cell in line}
    last = "".join(cell[0] for cell in rows[-1])
    assert "1e-4" in last or "0.001" in last


def test_ranks_share_places() -> None:
    assert ranks([10.0, 20.0, 10.0, 5.0]) == [2.5, 4.0, 2.5, 1.0]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=3, max_size=30))
def test_rank_correlation_is_spearmans(pairs: list[tuple[float, float]]) -> None:
    xs, ys = zip(*pairs, strict=True)
    found = importances([Field("x", PARAM, xs)], Field("y", METRIC, ys))
    if len(set(xs)) < 2:
        assert found == []
    elif len(set(ys)) < 2:
        assert found[0].strength == 0
    else:
        assert found[0].strength == pytest.approx(float(spearmanr(xs, ys).statistic), abs=1e-9)


def test_importance_of_words_and_of_what_is_missing() -> None:
    metric = Field("loss", METRIC, (1.0, 2.0, 8.0, 9.0, math.nan, None))
    words = Field("net", PARAM, ("cnn", "cnn", "mert", "mert", "cnn", "mert"))
    same = Field("seed", PARAM, (1.0,) * 6)
    few = Field("rare", PARAM, (1.0, 2.0, None, None, None, None))
    found = importances([words, same, few], metric)
    assert [(one.name, one.words, one.runs) for one in found] == [("net", True, 4)]
    assert found[0].strength == pytest.approx(math.sqrt(4 / 5))
