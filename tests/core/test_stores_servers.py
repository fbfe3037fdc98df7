"""Every kind of store says of its runs what MLflow's own client says of them: the same tests on the same runs."""

import math
from collections.abc import Iterator

import pytest

from edm_core.errors import StoreError
from edm_core.query.grammar import parse
from edm_core.snapshots.runs import RunRow
from edm_core.stores import sql_tracking
from edm_core.stores.client_tracking import ClientTracking
from edm_core.stores.database import SqliteFile
from edm_core.stores.http_tracking import HttpTracking
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.newest_runs import last_newest
from edm_core.stores.postgres import PostgresServer
from edm_core.stores.protocols import ALL_EXPERIMENTS, ManyRuns, TrackingStore
from edm_core.stores.query import matching_runs
from edm_core.stores.query_client import ask_client
from edm_core.stores.query_names import known_names
from edm_core.stores.run_files import AWAY, RunFiles
from edm_core.stores.run_reader import RunReader
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace
from tests.support.query_runs import awkward_runs
from tests.support.servers import KINDS, store_of_kind
from tests.support.stores import log_run, many_kinds

BEST_OF = ("val_loss", "boundary_f1")
QUESTIONS = (
    ("metrics.val_loss < 1", "metrics.`order` DESC"),
    ("metrics.val_loss != 0", "metrics.val_loss ASC"),
    ("metrics.val_loss > 0 OR params.`end time` IS NULL", "metrics.val_loss ASC"),
    ("NOT (tags.kind = 'cnn' OR tags.kind ILIKE '%ä%') AND status != 'RUNNING'", "start_time ASC"),
    ("run_name = 'twin' AND NOT metrics.`group/loss value` >= 0", "attributes.end_time DESC"),
    ("params.lr LIKE 'c%'", "params.lr ASC"),
    ("run_id NOT IN ('a', 'b') AND end_time > 1700000004000", ""),
    ("dataset.name = 'edm'", ""),
    ("NOT params.lr IS NULL", ""),
    ("", "params.lr DESC"),
    ("", "tags.kind"),
)


@pytest.fixture(scope="module", params=KINDS)
def far(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose store is of this kind and holds every kind of run, awkward ones among them."""
    with store_of_kind(request.param, tmp_path_factory.mktemp("far") / "ws") as workspace:
        many_kinds(workspace)
        # MLflow's own search for an experiment of a folder stumbles over the quote.
        other = "another" if request.param == "folder" else "it's another"
        awkward_runs(workspace, other, nul="PostgreSQL" not in request.param)
        yield workspace


def scheme_of(workspace: Workspace) -> str:
    return workspace.tracking_uri.partition(":")[0]


def texts(rows: list[RunRow]) -> list[str]:
    return [repr(row) for row in rows]


def test_only_folders_are_read_through_mlflow(far: Workspace) -> None:
    store, scheme = open_tracking(far), scheme_of(far)
    if scheme == "file":
        assert isinstance(store, ClientTracking)
        assert "mlflow migrate-filestore" in store.notice
        return
    if isinstance(store, SqlTracking):
        assert isinstance(store.database, {"postgresql": PostgresServer, "sqlite": SqliteFile}[scheme])
    else:
        assert isinstance(store, HttpTracking)
    assert store.notice == ""


@pytest.mark.parametrize("experiment", ["edm-training", "other", "it's another", ALL_EXPERIMENTS, "no such"])
def test_rows_are_those_of_mlflows_client(far: Workspace, experiment: str) -> None:
    client = ClientTracking(far, "client")
    theirs, store = client.runs(experiment, None, BEST_OF), open_tracking(far)
    assert texts(store.runs(experiment, None, BEST_OF)) == texts(theirs)
    assert texts(store.runs(experiment, 3, BEST_OF)) == texts(theirs[:3])
    many = store.many(experiment, BEST_OF, None).columns
    assert texts(list(many.view(range(len(many))))) == texts(theirs)


def test_single_runs_are_those_of_mlflows_client(far: Workspace) -> None:
    client, store = ClientTracking(far, "client"), open_tracking(far)
    ids = [row.run_id for row in client.runs(ALL_EXPERIMENTS, 8, ())]
    assert {k: repr(v) for k, v in store.runs_by_id([*ids, "0" * 32], BEST_OF).items()} == {
        k: repr(v) for k, v in client.runs_by_id(ids, BEST_OF).items()
    }
    for run_id in ids:
        assert repr(store.curves(run_id, 40)) == repr(client.curves(run_id, 40))
        assert repr(dict(store.summaries(run_id))) == repr(dict(client.summaries(run_id)))
        assert repr(store.histories(run_id, None, 8, None, {})) == repr(client.histories(run_id, None, 8, None, {}))
    asked = [*ids, "0" * 32], ["twin", "nobody"]
    assert store.active_ids(*asked) == client.active_ids(*asked)
    assert sorted(store.find("tw")) == sorted(client.find("tw"))
    assert [e.name for e in store.experiments()] == [e.name for e in client.experiments()]


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize(("query", "order"), QUESTIONS)
def test_questions_have_mlflows_answers(far: Workspace, query: str, order: str, limit: int | None) -> None:
    found = matching_runs(far, query, order, limit, ALL_EXPERIMENTS)
    expected = ask_client(ClientTracking(far, "client"), ALL_EXPERIMENTS, parse(query), [order] if order else [], limit)
    assert found.run_ids == expected[0]
    assert found.run_ids


def test_names_are_known(far: Workspace) -> None:
    names = known_names(far)
    assert {"val_loss", "group/loss value"} <= set(names.metrics)
    assert "lr" in names.params


def test_many_runs_are_brought_up_to_date(far: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_tracking, "ROWS", 0)
    client, store = mlflow_client(far), open_tracking(far)
    home = client.get_experiment_by_name("edm-training").experiment_id
    running = log_run(client, home, "goes on", start=1_900_000_000_000, status=None, metrics={"val_loss": [(0, 1.0)]})
    # The second time brings the curves of the runs that go on.
    known = store.many("edm-training", BEST_OF, store.many("edm-training", BEST_OF, None))
    again = store.many("edm-training", BEST_OF, known).columns
    assert again is known.columns or scheme_of(far) == "file"
    new = log_run(client, home, "new", start=1_900_000_001_000, metrics={"val_loss": [(0, 0.5)]})
    client.log_metric(running, "val_loss", 0.25, step=1)
    known = moved_on(store, known, {running: ("RUNNING", 0.25), new: ("FINISHED", 0.5)})
    client.set_terminated(running, "FAILED")
    known = moved_on(store, known, {running: ("FAILED", 0.25)})
    client.delete_run(new)
    client.delete_run(running)


def moved_on(store: TrackingStore, known: ManyRuns, expected: dict[str, tuple[str, float]]) -> ManyRuns:
    now = store.many("edm-training", BEST_OF, known)
    for run_id, (status, best) in expected.items():
        row = now.columns.row(now.columns.places[run_id])
        assert (row.status, row.metrics["val_loss"].best) == (status, best)
    return now


def test_the_next_start_has_rows_before_the_store_answers(far: Workspace) -> None:
    read = RunReader(far).read()
    left = last_newest(far, read.experiment)
    assert left is not None
    assert texts(list(left.rows)) == texts(list(read.rows))
    assert left.old
    assert (left.store, left.taken) == (read.store, read.taken)


def test_runs_that_come_into_view_get_their_curves(far: Workspace) -> None:
    ids = [row.run_id for row in ClientTracking(far, "client").runs("edm-training", 4, ())]
    found = RunReader(far).summaries(ids, ["val_loss"])
    theirs = ClientTracking(far, "client").runs_by_id(ids, ["val_loss"])
    assert found.keys() == theirs.keys()
    for run_id, row in theirs.items():
        assert repr(found[run_id].get("val_loss")) == repr(row.metrics.get("val_loss"))


def test_nothing_is_written(far: Workspace) -> None:
    store = open_tracking(far)
    if not isinstance(store, SqlTracking):
        pytest.skip("MLflow's own questions, which only read")
    with pytest.raises(Exception, match=r"read-only|may not be written"), store.database.reading() as db:
        db.execute("UPDATE runs SET name = 'x'")


def test_long_histories_keep_their_spikes_and_grow(far: Workspace) -> None:
    """Read in parts where they are stored, in detail where zoomed into, and later only what is new."""
    from mlflow.entities import Metric

    if scheme_of(far) in ("sqlite", "file"):
        pytest.skip("what lies on this machine is read otherwise: test_stores_histories.py")
    client = mlflow_client(far)
    run_id = log_run(client, ensure_experiment(client, far), "long", start=1_000)

    odd = {5: math.nan, 700: math.inf, 701: math.inf, 702: -math.inf}

    def logged(first: int, last: int, key: str = "long") -> None:
        spikes = odd if key == "odd" else {1_234: 9.0}
        points = [Metric(key, spikes.get(step, math.sin(step / 90)), 1_000 + step, step) for step in range(first, last)]
        for start in range(0, len(points), 1_000):
            client.log_batch(run_id, metrics=points[start : start + 1_000])

    logged(0, 3_000)
    logged(0, 1_500, "odd")
    client.log_metric(run_id, "short", math.nan, step=4)
    store, theirs = open_tracking(far), ClientTracking(far, "client")
    found = store.histories(run_id, None, 40, None, {})
    same = theirs.histories(run_id, None, 40, None, {})
    long = found["long"]
    assert [(step, str(value)) for step, _, value in found["odd"].bad] == [(step, str(odd[step])) for step in odd]
    assert found["odd"].counts == same["odd"].counts
    assert found["odd"].means == pytest.approx(same["odd"].means)
    assert repr(found["short"]) == repr(same["short"])
    assert (long.lows, long.highs, long.counts) == (same["long"].lows, same["long"].highs, same["long"].counts)
    assert long.means == pytest.approx(same["long"].means)
    assert (long.lowest, long.highest, long.last) == (same["long"].lowest, (1_234, 9.0), same["long"].last)
    assert (long.steps[0], long.steps[-1], long.times[-1]) == (0, 2_999, 3_999)
    near = store.histories(run_id, ["long"], 40, (1_200, 1_300), {})["long"]
    assert near.exact
    assert len(near) == 101
    assert store.histories(run_id, ["long"], 40, None, found)["long"] is long
    logged(3_000, 3_010)
    grown = store.histories(run_id, ["long"], 40, None, found)["long"]
    assert grown.steps == (*long.steps, *range(3_000, 3_010))


def test_files_among_a_run_s_artifacts(far: Workspace) -> None:
    client = mlflow_client(far)
    run_id = client.create_run(ensure_experiment(client, far, "with files")).info.run_id
    client.log_text(run_id, '{"python": "3.11"}', "environment.json")
    row = RunRow(run_id, "with_files")
    assert RunFiles(far).read(row, "environment.json") == b'{"python": "3.11"}'
    with pytest.raises(StoreError, match="its folder is not here"):
        RunFiles(far).read(row, "tracks.json")
    if scheme_of(far) == "sqlite":
        assert RunFiles(far, fetch=False).read(row, "environment.json")
        return
    with pytest.raises(StoreError, match=AWAY):
        RunFiles(far, fetch=False).read(row, "environment.json")
