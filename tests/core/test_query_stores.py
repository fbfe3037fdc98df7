"""The same question to every kind of store: SQLite directly, MLflow's client, runs in memory, no store at all."""

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from edm_core.cli.runs import runs as runs_command
from edm_core.errors import QueryError, StoreError
from edm_core.query.grammar import parse
from edm_core.query.names import ATTRIBUTES
from edm_core.settings import TrackingSettings
from edm_core.stores.client_tracking import ClientTracking
from edm_core.stores.memory import MemoryTracking
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.query import matching_runs
from edm_core.stores.query_client import ask_client
from edm_core.stores.query_names import known_names
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace
from tests.support.query_runs import METRICS, PARAMS, TAGS, awkward_runs
from tests.support.stores import new_workspace

QUESTIONS = (
    ("metrics.val_loss < 1", "metrics.`order` DESC"),
    ("metrics.val_loss > 0 OR params.`end time` IS NULL", "metrics.val_loss ASC"),
    ("NOT (tags.kind = 'cnn' OR tags.kind ILIKE '%ä%') AND status != 'RUNNING'", "start_time ASC"),
    ("run_name = 'twin' AND NOT metrics.`group/loss value` >= 0", "attributes.end_time DESC"),
    ("NOT params.lr IS NULL", ""),
    ("", "params.lr DESC"),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = new_workspace(tmp_path_factory.mktemp("stores") / "ws")
    awkward_runs(made)
    return made


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize(("query", "order"), QUESTIONS)
def test_the_client_put_together_says_what_sql_says(
    workspace: Workspace, query: str, order: str, limit: int | None
) -> None:
    direct = matching_runs(workspace, query, order, limit, ALL_EXPERIMENTS)
    keys = [order] if order else []
    store = ClientTracking(workspace, "client")
    found, notice = ask_client(store, ALL_EXPERIMENTS, parse(query), keys, limit)
    assert direct.run_ids
    assert found == direct.run_ids
    assert bool(notice) == parse(query).extended
    assert direct.notice == ""


@pytest.mark.parametrize(("query", "order"), QUESTIONS)
def test_runs_in_memory_answer_as_their_store(
    workspace: Workspace, query: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = matching_runs(workspace, query, order)
    memory = MemoryTracking()
    for row in open_tracking(workspace).runs(ALL_EXPERIMENTS, None, ()):
        memory.add(row, {key: [(summary.last_step, summary.last)] for key, summary in row.metrics.items()})
    monkeypatch.setattr("edm_core.stores.query.open_tracking", lambda _: memory)
    assert matching_runs(workspace, query, order).run_ids == expected.run_ids


def test_an_experiment_is_named_exactly(workspace: Workspace) -> None:
    everywhere = matching_runs(workspace, "", experiment=ALL_EXPERIMENTS).run_ids
    home, other = matching_runs(workspace, "").run_ids, matching_runs(workspace, "", experiment="it's another").run_ids
    assert sorted(everywhere) == sorted(home + other)
    assert matching_runs(workspace, "", experiment="gone").run_ids == []
    assert matching_runs(workspace, "", experiment="nothing of the name").run_ids == []


def test_a_store_that_is_not_there_has_no_runs_and_still_reads_the_question(tmp_path: Any) -> None:
    empty = new_workspace(tmp_path / "ws")
    assert matching_runs(empty, "metrics.a > 1 OR metrics.b > 1", "metrics.a").run_ids == []
    with pytest.raises(QueryError):
        matching_runs(empty, "metrics.a >")
    assert known_names(empty).metrics == ()
    assert not (empty.root / "mlflow.db").exists()


def test_what_mlflow_cannot_answer_is_an_error_with_a_hint(workspace: Workspace) -> None:
    settings = replace(workspace.settings, tracking=TrackingSettings(uri="http://127.0.0.1:9"))
    with pytest.raises(StoreError) as caught:
        matching_runs(Workspace(workspace.root, settings), "metrics.a > 1")
    assert caught.value.hint


def test_known_names_are_those_that_mlflow_has(workspace: Workspace) -> None:
    client = mlflow_client(workspace)
    ids = [e.experiment_id for e in client.search_experiments(view_type=3)]
    found = client.search_runs(ids, run_view_type=3, max_results=1000)
    names = known_names(workspace)
    assert names.metrics == tuple(sorted({key for run in found for key in run.data.metrics})) == tuple(sorted(METRICS))
    assert names.params == tuple(sorted({key for run in found for key in run.data.params})) == tuple(sorted(PARAMS))
    assert names.tags == tuple(sorted({key for run in found for key in run.data.tags}))
    assert set(TAGS) < set(names.tags)
    assert names.attributes == ATTRIBUTES


def test_the_command_takes_or_and_says_where_a_query_is_wrong(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    query = "metrics.val_loss > 0 OR NOT params.lr = 'cnn'"
    shown = CliRunner().invoke(runs_command, ["list", "--filter", query, "--json"], catch_exceptions=False)
    assert [run["run_id"] for run in json.loads(shown.stdout)["runs"]] == matching_runs(workspace, query).run_ids
    with pytest.raises(QueryError) as caught:
        CliRunner().invoke(runs_command, ["list", "--filter", "metrics.val_loss > 0 OR"], catch_exceptions=False)
    assert caught.value.column == len("metrics.val_loss > 0 OR")
