"""Errors that point, what goes beyond MLflow's language, and completion: without any store."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edm_core.errors import EdmError, QueryError
from edm_core.query.complete import Names, complete, names_of
from edm_core.query.expressions import All, Comparison, Negation, Query, Some, comparisons
from edm_core.query.grammar import DEEPEST, parse
from edm_core.query.ordering import parts_of, read_order
from edm_core.query.pointing import excerpt
from edm_core.snapshots.runs import MetricSummary, RunRow
from tests.support import query_runs

NAMES = Names(
    metrics=("boundary_f1", "group/loss", "val_loss"), params=("backbone", "learning_rate"), tags=("mlflow.user",)
)


@pytest.mark.parametrize(
    ("query", "column", "problem", "hint"),
    [
        ("metrics.val_loss < 'x'", 19, "a number", "without quotes"),
        ("params.lr < 3", 10, "< does not go with a param", "LIKE"),
        ("params.lr = 3", 12, "quoted", "'3'"),
        ("metrics.a/b < 3", 0, "'metrics.a/b' is no name", "backticks"),
        ("metrics.a == 3", 10, "==", "="),
        ("metric.a = 1 AND loss < 3", 17, "no attribute 'loss'", "metrics.loss"),
        ("things.a = 1", 0, "nothing is called 'things'", "metrics."),
        ("dataset.size = '1'", 8, "have no 'size'", "digest"),
        ("nonsense here", 13, "no operator", "For example"),
        ("run_name IN ('a')", 9, "IN does not go with run_name", "LIKE"),
        ("run_id IN ('a', b)", 10, "no list of quoted texts", "IN ('a', 'b')"),
        ("metrics.a > 1;", 13, "is no comparison", "semicolon"),
        ("metrics.a > 1; metrics.b > 1", 15, "only one query", "AND"),
        ("start_time > 99999999999999999999", 13, "too large", "milliseconds"),
        ("params.a NOT LIKE 'x'", 9, "NOT LIKE does not go", "before the whole comparison"),
        ("params.a LIKE 'x", 14, "not closed", "Close it"),
        ("metrics.`a > 1 AND params.b = 'x'", 8, "not closed", "another"),
        ("metrics.a > 1 OR", 16, "a comparison is missing here", ""),
        ("metrics.a > 1 OR AND metrics.b > 1", 17, "a comparison is missing here", ""),
        ("NOT", 3, "a comparison is missing here", ""),
        ("(metrics.a > 1", 14, "closing parenthesis", "column 1"),
        ("metrics.a > 1)", 13, "no parenthesis is open", ""),
        ("()", 1, "a comparison is missing here", ""),
        ("(metrics.a > 1) metrics.b > 1", 16, "AND or OR is missing", ""),
        ("metrics.a > 1 metrics.b > 1 OR metrics.c > 1", 14, "AND or OR is missing", ""),
        ("NOT metrics.a > 1 OR params.b = 1", 32, "quoted", ""),
        ("params.a = 'x' OR params.b = '\udce9'", 30, "no valid text", ""),
    ],
)
def test_an_error_points_at_its_place(query: str, column: int, problem: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.column == column
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    assert caught.value.message.endswith(f"\n  {query}\n  {' ' * column}^")


def test_the_shown_line_is_short_and_the_caret_under_its_place() -> None:
    assert excerpt("params.a = 'x'\nAND\tx", 19) == "  AND x\n      ^"
    assert excerpt("run_name = '雪だるま' OR", 18) == "  run_name = '雪だるま' OR\n" + " " * 24 + "^"
    shown, caret = excerpt("x" * 300, 200).split("\n")
    assert len(shown) < 130
    assert shown.startswith("  …x")
    assert caret.index("^") == 63
    assert excerpt("", 5) == "  \n  ^"


def test_deep_nesting_is_refused_without_a_traceback() -> None:
    deep = "NOT (" * DEEPEST + "metrics.a > 1" + ")" * DEEPEST
    with pytest.raises(EdmError):
        parse(deep)
    with pytest.raises(EdmError):
        parse("(" * 5000)
    assert parse("(" * 40 + "metrics.a > 1" + ")" * 40).extended


def test_and_binds_closer_than_or_and_not_closest() -> None:
    query = parse("NOT metrics.a > 1 AND params.b = 'x' or not(tags.c IS NULL)")
    assert query.extended
    match query.expression:
        case Some((All((Negation(Comparison(key="a")), Comparison(key="b"))), Negation(Comparison(key="c")))):
            pass
        case other:
            pytest.fail(f"read as {other}")
    texts = [part.text for part in comparisons(query.expression)]
    assert texts == ["metrics.a > 1", "params.b = 'x'", "tags.c IS NULL"]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("params.or = 'or' OR metrics.`not` > 1", ["or", "not"]),
        ("params.a = '(' OR params.b = 'x OR y'", ["a", "b"]),
        ("run_id IN ('a', 'b') OR (run_id NOT IN ('c'))", ["run_id", "run_id"]),
        ("(params.a IS NOT NULL) AND (params.`b)` LIKE '%')", ["a", "b)"]),
        ("((metrics.a>1))OR(NOT(metrics.b<.5))", ["a", "b"]),
        ("metrics.a > 1\nOR\n\tmetrics.b > 1", ["a", "b"]),
    ],
)
def test_or_not_and_parentheses_inside_names_and_texts_are_left_alone(query: str, keys: list[str]) -> None:
    read = parse(query)
    assert read.extended
    assert [part.key for part in comparisons(read.expression)] == keys


def test_order_errors_point() -> None:
    for key in ("metrics.a down", "loss", "dataset.name", "metrics.`a", "metrics.a DESC NULLS LAST", "1", "a; b"):
        with pytest.raises(QueryError, match=r"\n  .*\n *\^"):
            read_order([key])
    with pytest.raises(QueryError, match="twice"):
        read_order(["metrics.a", "metric.`a` DESC"])
    assert parts_of("metrics.`a,b` DESC, start_time,, params.c ") == ["metrics.`a,b` DESC", "start_time", "params.c"]


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ("met|", ["metrics."]),
        ("metrics.|", ["metrics.boundary_f1", "metrics.`group/loss`", "metrics.val_loss"]),
        ("metrics.loss|", ["metrics.`group/loss`", "metrics.val_loss"]),
        ("metric.`gr|", ["metric.`group/loss`"]),
        ("metrics.val_loss |", [">", ">=", "!=", "=", "<", "<="]),
        ("params.backbone l|", ["LIKE", "ILIKE", "IS NULL", "IS NOT NULL"]),
        ("params.backbone = 'cnn' |", ["AND", "OR"]),
        ("params.backbone = 'cnn' AND (tag|", ["tags."]),
        ("params.backbone = 'cnn' or not tags.|", ["tags.mlflow.user"]),
        ("(metrics.val_loss < 1) o|", ["OR"]),
        ("params.backbone = 'met|", []),
        ("params.backbone = 'x' AND tags.a = 'metrics.|", []),
        ("metrics.val_loss < |", []),
        ("end|", ["end_time"]),
        ("dataset.d|", ["dataset.digest"]),
        ("metrics.val_l| < 3", ["metrics.val_loss"]),
    ],
)
def test_completion(typed: str, options: list[str]) -> None:
    cursor = typed.index("|")
    text = typed.replace("|", "")
    found = complete(text, cursor, NAMES)
    assert list(found.options) == options
    for whole in found.applied(text, cursor):
        assert whole.startswith(text[: found.start])
        assert whole.endswith(text[cursor:])


@given(st.one_of(st.text(max_size=40), query_runs.soups, query_runs.conjunctions), st.integers(0, 40))
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_read_refused_in_its_place_or_completed(text: str, cursor: int) -> None:
    read: Query | QueryError
    try:
        read = parse(text)
    except QueryError as error:
        read = error
    assert 0 <= read.column <= len(text) if isinstance(read, QueryError) else read.text == text
    cursor = min(cursor, len(text))
    for whole in complete(text, cursor, NAMES).applied(text, cursor):
        assert whole.endswith(text[cursor:])


def test_names_of_rows() -> None:
    last = MetricSummary(1.0, 0, None, None)
    rows = [RunRow("1", "a", "FINISHED", metrics={"b": last, "a": last}), RunRow("2", "b", "FAILED", params={"p": "1"})]
    assert names_of(rows).metrics == ("a", "b")
    assert names_of(rows).params == ("p",)
