"""The filter language against MlflowClient.search_runs, on SQLite and on PostgreSQL: the same set in the same order, by
SQL and by the runs held in columns, and what one refuses the other refuses."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edm_core.errors import QueryError, StoreError
from edm_core.query.expressions import All, Comparison, Expression, Negation, Some
from edm_core.query.grammar import parse
from edm_core.query.held import fitting, is_held
from edm_core.query.ordering import read_order
from edm_core.query.sql import SETTING, select_runs
from edm_core.snapshots.run_builder import columns_of
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.query import matching_runs
from edm_core.stores.sql_columns import read_columns
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace
from tests.support import query_runs
from tests.support.postgres import missing, postgres
from tests.support.query_runs import RUNS, awkward_runs
from tests.support.servers import at
from tests.support.stores import new_workspace

SAMPLE = settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
PROOF = settings(SAMPLE, max_examples=10_000, derandomize=False)


_EQUALS_LIST = re.compile(r"(?<![<>!])=\s*\(")


class Both:
    """One store, asked by MLflow's client and by us."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.client = awkward_runs(workspace, nul=workspace.tracking_uri.startswith("sqlite:"))
        self.answers: dict[str, frozenset[str]] = {}
        store = open_tracking(workspace)
        assert isinstance(store, SqlTracking)
        self.database = store.database
        self.experiments = [e.experiment_id for e in self.client.search_experiments()]
        with self.database.reading() as db:
            self.read_whole = read_columns(db, ALL_EXPERIMENTS, (), workspace.settings.metrics)
        self.read_by_row = columns_of(open_tracking(workspace).runs(ALL_EXPERIMENTS, None, ()))

    def theirs(self, query: str, order: Sequence[str] = ()) -> list[str] | None:
        """Run ids; None for what MLflow refuses, or what makes it stumble."""
        from mlflow.exceptions import MlflowException

        try:
            page = self.client.search_runs(self.experiments, query, max_results=RUNS, order_by=list(order))
        except (MlflowException, ValueError, OverflowError):
            return None
        return [run.info.run_id for run in page]

    def ours(self, query: str, order: Sequence[str] = ()) -> tuple[list[str] | None, bool]:
        """Run ids, None for what is refused, and whether the query goes beyond MLflow's language."""
        try:
            asked = parse(query)
            keys = read_order(order)
        except QueryError:
            return None, False
        try:
            with self.database.reading() as db:
                if self.database.is_file:
                    db.execute(SETTING)
                found = [row[0] for row in db.execute(*select_runs(asked.expression, keys, None, None))]
        except StoreError:
            # PostgreSQL refuses some values, such as a pattern that ends in its escape character; MLflow has to, too.
            return None, False
        return found, asked.extended

    def held(self, query: str) -> list[str] | None:
        """Run ids, newest first, of the columns alone; None where they cannot tell: how PostgreSQL folds letters hangs
        on its locale."""
        asked = parse(query).expression
        if not self.database.is_file or not is_held(asked):
            return None
        found = []
        for columns in (self.read_whole, self.read_by_row):
            mask = fitting(asked, columns, None)
            found.append([columns.run_ids[at] for at in columns.newest_first() if mask[at]])
        assert found[0] == found[1]
        return found[0]

    def compare(self, query: str, order: Sequence[str] = ()) -> None:
        theirs = self.theirs(query, order)
        ours, extended = self.ours(query, order)
        held = self.held(query) if ours is not None else None
        if ours and not order:
            # The first ones may be found among the newest runs alone.
            assert matching_runs(self.workspace, query, "", 1, ALL_EXPERIMENTS).run_ids == ours[:1]
        if held is not None:
            assert held == ours if not order else sorted(held) == sorted(ours or ())
        if theirs is None:
            assert ours is None or extended
        elif ours is None and not self.database.is_file and _EQUALS_LIST.search(query):
            # SQLite refuses to compare with a list; to PostgreSQL it goes as a row, which equals no text.
            assert theirs == []
        else:
            assert ours == theirs
            assert not extended


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    workspace = new_workspace(tmp_path_factory.mktemp("query") / "ws")
    with ExitStack() as stack:
        if request.param == "PostgreSQL":
            if missing():
                pytest.skip(missing())
            workspace = at(workspace, stack.enter_context(postgres()))
        yield Both(workspace)


orders = st.lists(query_runs.order_keys, max_size=2)
good_orders = st.lists(query_runs.good_order_keys, max_size=3)


@example(query="   ", order=[])
@example(query="AND", order=[])
@example(query="", order=["start_time", "attributes.created"])
@example(query="params.note LIKE 'c%'", order=[])
@example(query="params.note LIKE 'C%'", order=["params.note"])
@example(query="tags.kind ILIKE '%ä%'", order=["tags.kind DESC"])
@example(query="metrics.val_loss <= 0 AND metrics.`order` >= 0", order=[])
@example(query="metrics.val_loss != 0", order=["metrics.val_loss"])
@example(query="metrics.created > 0", order=["metrics.created"])
@example(query="metrics.val_loss > 1 params.lr IS NULL", order=[])
@example(query="params.missing IS NULL AND tags.`missing` IS NULL", order=["metrics.val_loss"])
@example(query="attributes.run_id = ('a')", order=[])
@example(query="params.note = 'a\\'b'", order=["metrics.`order` DESC", "start_time ASC"])
@example(query="run_id NOT IN ('a', \"b\" 'c', '\\x41')", order=["attributes.`end_time` desc"])
@given(query=query_runs.conjunctions, order=st.one_of(orders, good_orders))
@SAMPLE
def test_conjunctions_mean_what_they_mean_in_mlflow(both: Both, query: str, order: list[str]) -> None:
    both.compare(query, order)


@given(query=query_runs.plausible, order=good_orders)
@SAMPLE
def test_runs_come_in_mlflows_order(both: Both, query: str, order: list[str]) -> None:
    both.compare("", order)
    both.compare(query, order)


@given(query=query_runs.soups)
@SAMPLE
def test_what_mlflow_refuses_is_refused(both: Both, query: str) -> None:
    both.compare(query)


@pytest.mark.proof
@given(query=st.one_of(query_runs.conjunctions, query_runs.soups), order=st.one_of(orders, good_orders))
@PROOF
def test_many_queries_mean_what_they_mean_in_mlflow(both: Both, query: str, order: list[str]) -> None:
    both.compare(query, order)


ACCEPTED = (
    "metrics.val_loss < 1", "metrics.`group/loss value` >= 0.5", "metrics.val_loss != 0", "params.lr IS NULL",
    "params.lr LIKE 'c%'", "tags.kind ILIKE '%N%'", "tags.kind != 'cnn'", "status = 'RUNNING'",
    "end_time > 1700000004000", "run_name = 'twin'", "run_id NOT IN ('a')", "dataset.name = 'edm'",
    "params.`select` IS NOT NULL",
)  # fmt: skip
Tree = tuple[str, str, Expression]
"""(text, a word for its outermost operator, what it should mean)"""


def _leaf(text: str) -> Tree:
    return text, "leaf", Comparison("metric", "", "", None, text, 0)


def _negated(part: Tree, gap: str) -> Tree:
    text, word, meaning = part
    return (f"NOT{gap}{text}" if word in ("leaf", "not") and gap else f"NOT{gap}({text})"), "not", Negation(meaning)


def _joined(parts: list[Tree], word: str) -> Tree:
    texts = [f"({text})" if inner in ("and", "or") and inner != word else text for text, inner, _ in parts]
    meanings = tuple(meaning for _, _, meaning in parts)
    return f" {word} ".join(texts), word, All(meanings) if word == "and" else Some(meanings)


trees = st.recursive(
    st.sampled_from(ACCEPTED).map(_leaf),
    lambda inner: st.one_of(
        st.builds(_negated, inner, st.sampled_from((" ", "", "\n"))),
        st.builds(_joined, st.lists(inner, min_size=2, max_size=3), st.sampled_from(("and", "or"))),
    ),
    max_leaves=6,
)


def holds(both: Both, meaning: Expression, run_id: str) -> bool:
    match meaning:
        case Comparison(text=text):
            if text not in both.answers:
                both.answers[text] = frozenset(both.theirs(text) or ())
            return run_id in both.answers[text]
        case Negation(part):
            return not holds(both, part, run_id)
        case All(parts):
            return all(holds(both, part, run_id) for part in parts)
        case Some(parts):
            return any(holds(both, part, run_id) for part in parts)


@example(tree=_negated(_leaf("end_time > 1700000004000"), " "), order=[])
@example(tree=_negated(_joined([_leaf("end_time > 1700000004000"), _leaf("params.lr IS NULL")], "or"), ""), order=[])
@given(tree=trees, order=st.lists(query_runs.good_order_keys, max_size=1))
@SAMPLE
def test_or_not_and_parentheses_put_mlflows_answers_together(both: Both, tree: Tree, order: list[str]) -> None:
    text, _, meaning = tree
    expected = [run_id for run_id in both.theirs("", order) or () if holds(both, meaning, run_id)]
    assert both.ours(text, order)[0] == expected
    held = both.held(text)
    assert (held is None) == ("dataset." in text or not both.database.is_file)
    assert held is None or sorted(held) == sorted(expected)


def test_the_store_has_what_makes_these_tests_hard(both: Both) -> None:
    everything = both.theirs("") or []
    assert 30 < len(everything) < RUNS
    for text in ACCEPTED:
        assert 0 < len(both.theirs(text) or ()) <= len(everything), text
    assert len(matching_runs(both.workspace, "").run_ids) < len(everything) == len(matching_runs(
        both.workspace, "", experiment="*").run_ids)  # fmt: skip
