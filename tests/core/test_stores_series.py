"""What a chart and a table keep of a series."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.stores.redact import without_password
from edm_core.stores.series import SPARK, best_point, from_store, reduce_points, spark

VALUES = st.lists(st.floats(width=32) | st.just(math.nan), min_size=1, max_size=400)


@given(VALUES, st.integers(1, 100))
def test_reducing_keeps_order_ends_and_bounds(values: list[float], limit: int) -> None:
    points = list(enumerate(values))
    kept = reduce_points(points, limit)
    assert len(kept) <= limit
    assert [step for step, _ in kept] == sorted({step for step, _ in kept})
    assert {id(value) for _, value in kept} <= {id(value) for value in values}
    assert kept[-1][0] == points[-1][0]
    if limit > 1:
        assert kept[0][0] == 0


@given(VALUES, st.integers(5, 100))
def test_reducing_loses_neither_spike_nor_gap(values: list[float], limit: int) -> None:
    kept = [value for _, value in reduce_points(list(enumerate(values)), limit)]
    numbers = [value for value in values if not math.isnan(value)]
    if numbers:
        assert min(numbers) in kept
        assert max(numbers) in kept
    assert any(map(math.isnan, kept)) == any(map(math.isnan, values))


@given(VALUES, st.booleans())
def test_best_is_the_earliest_extreme(values: list[float], minimised: bool) -> None:
    best = best_point(list(enumerate(values)), minimised)
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers:
        assert best is None
        return
    extreme = min(numbers) if minimised else max(numbers)
    assert best == (values.index(extreme), extreme)


def test_a_spark_is_short() -> None:
    assert len(spark([(step, math.sin(step)) for step in range(5000)])) <= SPARK
    assert spark([(3, 1.0)]) == (1.0,)
    assert spark([]) == ()


def test_what_mlflow_stores_for_what_is_no_number() -> None:
    assert math.isnan(from_store(0.0, 1))
    assert from_store(1.7976931348623157e308, 0) == math.inf
    assert from_store(-1.7976931348623157e308) == -math.inf
    assert from_store(1e300) == 1e300


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot reach postgresql://ada:p%40ss@db:5432/x now", "cannot reach postgresql://db:5432/x now"),
        ("http://token@host/a and https://b:c@d/", "http://host/a and https://d/"),
        ("mail ada@example.org about http://host/path@here", "mail ada@example.org about http://host/path@here"),
    ],
)
def test_passwords_are_taken_out(text: str, shown: str) -> None:
    assert without_password(text) == shown
