"""Each kind of change that another process makes, on each database that is watched: it is told by the token that is
polled, and what is read then is what a whole read gives, without reading everything."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from edm_core.snapshots.run_columns import RunColumns
from edm_core.stores import sql_columns, sql_tracking
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.postgres import PostgresServer, is_postgres
from edm_core.stores.postgres_watch import postgres_token
from edm_core.stores.protocols import ManyRuns
from edm_core.stores.runs import change_token
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace
from tests.support.servers import store_of_kind
from tests.support.stores import log_run, many_kinds, without_sparks

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

BEST_OF = ("val_loss", "boundary_f1")
Made = tuple[Workspace, dict[str, str]]
Change = Callable[["MlflowClient", dict[str, str]], object]
CHANGES: dict[str, Change] = {
    "a point of a run that goes on": lambda client, ids: client.log_metric(ids["running"], "val_loss", 0.001, step=99),
    "a late point of a run that ended": lambda client, ids: client.log_metric(ids["plain"], "val_loss", 7.0, step=0),
    "a param": lambda client, ids: client.log_param(ids["plain"], "late", "1"),
    "a note": lambda client, ids: client.set_tag(ids["plain"], "mlflow.note.content", "NOTE of plain"),
    "a new tag": lambda client, ids: client.set_tag(ids["empty"], "kind", "x"),
    "a name": lambda client, ids: client.update_run(ids["only_nan"], name="renamed"),
    "an end": lambda client, ids: client.set_terminated(ids["running"], "KILLED"),
    "a new run": lambda client, ids: log_run(
        client, client.get_run(ids["plain"]).info.experiment_id, "new", start=9_000_000,
        metrics={"val_loss": [(0, 1.0)]},
    ),
    "a run deleted": lambda client, ids: client.delete_run(ids["infinite"]),
    "a run restored": lambda client, ids: client.restore_run(ids["deleted"]),
    "a tag taken away": lambda client, ids: client.delete_tag(ids["plain"], "blank"),
}  # fmt: skip


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with store_of_kind(request.param, tmp_path_factory.mktemp("watched") / "ws") as workspace:
        yield workspace, many_kinds(workspace)


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_told_and_read(made: Made, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, ids = made
    store, experiment = open_tracking(workspace), "edm-training"
    assert isinstance(store, SqlTracking)
    monkeypatch.setattr(sql_tracking, "ROWS", 0)
    token = change_token(workspace)
    known = store.many(experiment, BEST_OF, None)
    assert store.many(experiment, BEST_OF, known).columns is known.columns
    assert change_token(workspace) == token
    CHANGES[kind](mlflow_client(workspace), ids)
    assert change_token(workspace) != token
    whole = []
    real = sql_columns.read_skeleton

    def counted(*args: Any) -> RunColumns:
        whole.append(args)
        return real(*args)

    monkeypatch.setattr(sql_columns, "read_skeleton", counted)
    now = store.many(experiment, BEST_OF, known)
    assert now.columns is not known.columns
    # A tag that is gone leaves SQLite no row to tell it.
    assert not whole or "taken away" in kind
    assert without_sparks(now.columns) == without_sparks(store.many(experiment, BEST_OF, None).columns)
    assert store.many(experiment, BEST_OF, now).columns is now.columns


def test_a_mark_of_another_database_means_to_read_everything(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_tracking, "ROWS", 0)
    store = open_tracking(made[0])
    whole = store.many("edm-training", BEST_OF, None)
    for mark in (None, [1, 2], ["postgresql", 2**62, {"metrics": 1, "params": 1}, []], [9**9, 9**9, [], []]):
        assert without_sparks(store.many("edm-training", BEST_OF, ManyRuns(RunColumns(), mark)).columns) == (
            without_sparks(whole.columns)
        )


def test_what_others_write_beside_mlflows_tables_is_no_change(made: Made) -> None:
    workspace, _ = made
    if not workspace.tracking_uri.startswith("postgresql"):
        pytest.skip("only a server holds more than one database")
    import psycopg

    token = change_token(workspace)
    with psycopg.connect(workspace.tracking_uri) as other:
        other.execute("CREATE TABLE of_others (x int)")
    assert change_token(workspace) == token


def test_questions_that_are_refused_again_and_again_leave_no_connection_behind(made: Made) -> None:
    uri = made[0].tracking_uri
    if not is_postgres(uri):
        pytest.skip("a file keeps no connection")
    owner = create_engine(uri.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with owner.connect() as db:
        db.execute(text("CREATE ROLE reader LOGIN"))
        db.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
        server = PostgresServer(uri.replace("mlflow@", "reader@"), "")
        token = postgres_token(server)
        db.execute(text("REVOKE SELECT ON tags FROM reader"))
        for _ in range(12):
            # Somebody writes, so the tables are looked at again.
            db.execute(text("UPDATE tags SET value = value WHERE key = 'kind'"))
            assert "permission denied" in str(postgres_token(server))
            kept = db.execute(text("SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'")).scalar()
            assert kept == 1
            db.execute(text("GRANT SELECT ON tags TO reader"))
            assert "permission denied" not in str(postgres_token(server))
            db.execute(text("REVOKE SELECT ON tags FROM reader"))
        assert token
    owner.dispose()
