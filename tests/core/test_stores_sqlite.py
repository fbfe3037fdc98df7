"""The SQLite reader against MLflow's own client, on a store that MLflow made."""

import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edm_core.errors import StoreError
from edm_core.settings import MetricsSettings
from edm_core.snapshots.runs import RunRow
from edm_core.stores import sql_series, sqlite_schema
from edm_core.stores.client_tracking import ClientTracking
from edm_core.stores.database import SqliteFile
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.sqlite_schema import KNOWN_REVISIONS, OLDER_REVISIONS, database_path, reading
from edm_core.stores.tracking import EmptyTracking, open_tracking
from edm_core.workspace import Workspace
from tests.support.stores import copied, log_run, many_kinds, new_workspace

BEST_OF = ("val_loss", "boundary_f1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, str]]:
    workspace = new_workspace(tmp_path_factory.mktemp("stores") / "ws")
    return workspace, many_kinds(workspace)


@pytest.fixture
def workspace(made: tuple[Workspace, dict[str, str]]) -> Workspace:
    return made[0]


@pytest.fixture
def ids(made: tuple[Workspace, dict[str, str]]) -> dict[str, str]:
    return made[1]


@pytest.fixture(autouse=True)
def no_cache() -> Iterator[None]:
    sql_series._cache.clear()
    yield
    sql_series._cache.clear()


def comparable(value: Any) -> Any:
    """NaN is not equal to itself, its text is."""
    return repr(value)


def sqlite_store(workspace: Workspace) -> SqlTracking:
    store = open_tracking(workspace)
    assert isinstance(store, SqlTracking)
    return store


def path_of(store: SqlTracking) -> Path:
    assert isinstance(store.database, SqliteFile)
    return store.database.path


@pytest.mark.parametrize("experiment", ["edm-training", "other", ALL_EXPERIMENTS, "no such"])
@pytest.mark.parametrize("limit", [None, 3])
def test_runs_are_what_mlflow_says(workspace: Workspace, experiment: str, limit: int | None) -> None:
    direct = sqlite_store(workspace).runs(experiment, limit, BEST_OF)
    asked = ClientTracking(workspace, "client").runs(experiment, limit, BEST_OF)
    assert comparable(direct) == comparable(asked)
    assert len(direct) == {"edm-training": 8, "other": 1, ALL_EXPERIMENTS: 9, "no such": 0}[experiment] or limit


def test_other_questions_are_answered_as_mlflow_does(workspace: Workspace, ids: dict[str, str]) -> None:
    direct, asked = sqlite_store(workspace), ClientTracking(workspace, "client")
    wanted = [*ids.values(), "0" * 32, "not an id"]
    assert comparable(sorted(direct.runs_by_id(wanted, BEST_OF).items())) == comparable(
        sorted(asked.runs_by_id(wanted, BEST_OF).items())
    )
    names = [*ids, "nobody"]
    assert direct.active_ids(wanted, names) == asked.active_ids(wanted, names)
    assert {e.name: e.id for e in direct.experiments()} == {e.name: e.id for e in asked.experiments()}
    assert {e.name: e.runs for e in direct.experiments()} == {"Default": 0, "edm-training": 8, "other": 1}
    assert direct.names(100) == asked.names(100)
    for name in ids:
        assert comparable(direct.summaries(ids[name])) == comparable(asked.summaries(ids[name]))
        assert comparable(direct.curves(ids[name], 400)) == comparable(asked.curves(ids[name], 400))
        assert comparable(direct.curves(ids[name], 20)) == comparable(asked.curves(ids[name], 20))
    for ref in ("plain", "n", ids["plain"], ids["plain"][:8], "odd name % _ 'ü'", "deleted", "%", "_", "zzz"):
        assert sorted(direct.find(ref)) == sorted(asked.find(ref)), ref


def test_best_values_follow_direction_and_pass_over_nan(workspace: Workspace) -> None:
    rows = {row.name: row for row in sqlite_store(workspace).runs("edm-training", None, BEST_OF)}

    def best(name: str, metric: str) -> tuple[float | None, int | None]:
        summary = rows[name].metrics[metric]
        return summary.best, summary.best_step

    assert best("plain", "val_loss") == (0.5 / 60, 59)
    assert best("plain", "boundary_f1") == (59 / 60, 59)
    assert best("nan_last", "val_loss") == (0.2, 1)
    assert math.isnan(rows["nan_last"].metrics["val_loss"].last)
    assert best("only_nan", "val_loss") == (None, None)
    assert rows["infinite"].metrics["boundary_f1"].spark == (-math.inf, 0.1)
    assert best("backwards", "val_loss") == (0.05, 4)
    assert rows["backwards"].metrics["val_loss"].last_step == 5
    assert rows["odd name % _ 'ü' 雪"].metrics["group/loss value"].best is None
    spark = rows["plain"].metrics["val_loss"].spark
    assert 28 <= len(spark) <= 32
    assert (spark[0], spark[-1]) == (0.5, 0.5 / 60)
    maximised = SqlTracking(sqlite_store(workspace).database, MetricsSettings(directions={"val_loss": "max"}), "x")
    assert maximised.runs("edm-training", None, BEST_OF)[-1].metrics["val_loss"].best == 0.5


def test_long_series_keep_their_extremes_within_bounds(
    workspace: Workspace, tmp_path: Path, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(workspace, tmp_path / "ws")
    store = sqlite_store(copy)
    points = [(step, 1 + random.Random(step).random()) for step in range(30_000)]
    points[12_345] = (12_345, 0.25)
    points[20_000] = (20_000, math.nan)
    points[25_001] = (25_001, 9.0)
    with sqlite3.connect(path_of(store)) as db:
        db.execute("DELETE FROM metrics WHERE run_uuid = ?", (ids["plain"],))
        db.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('val_loss', ?, 1, ?, ?, ?)",
            [(0 if math.isnan(v) else v, ids["plain"], step, math.isnan(v)) for step, v in points],
        )
    summary = store.runs_by_id([ids["plain"]], BEST_OF)[ids["plain"]].metrics["val_loss"]
    assert (summary.best, summary.best_step) == (0.25, 12_345)
    assert 16 <= len(summary.spark) <= 32
    curve = store.curves(ids["plain"], 400)["val_loss"]
    assert (curve.summary.best, curve.summary.best_step) == (0.25, 12_345)
    assert 9.0 in curve.summary.spark
    history = curve.points
    assert len(history) <= 400
    assert {(12_345, 0.25), (25_001, 9.0), (0, points[0][1])} <= set(history)
    assert any(math.isnan(value) for _, value in history)
    assert history == tuple(sorted(history, key=lambda point: point[0]))

    sql_series._cache.clear()
    monkeypatch.setattr(sql_series, "LOAD_POINTS", 10_000)
    bounded = store.runs_by_id([ids["plain"]], BEST_OF)[ids["plain"]].metrics["val_loss"]
    assert (bounded.best, bounded.best_step) == (None, None)
    assert "1 very long series" in store.notice
    assert store.summaries(ids["plain"])["val_loss"].best == 0.25


def test_older_schemas_without_the_newer_index_read_the_same(workspace: Workspace, tmp_path: Path) -> None:
    copy = copied(workspace, tmp_path / "ws")
    store = sqlite_store(copy)
    before = comparable(store.runs(ALL_EXPERIMENTS, None, BEST_OF))
    for index in ("index_metrics_run_uuid_key_step", "index_metrics_run_uuid"):
        with sqlite3.connect(path_of(store)) as db:
            db.execute(f"DROP INDEX {index}")
        sql_series._cache.clear()
        assert comparable(store.runs(ALL_EXPERIMENTS, None, BEST_OF)) == before


def test_every_revision_of_mlflow_is_known() -> None:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config, _get_latest_schema_revision

    assert _get_latest_schema_revision() in KNOWN_REVISIONS
    scripts = ScriptDirectory.from_config(_get_alembic_config("sqlite:///nowhere.db"))
    assert {script.revision for script in scripts.walk_revisions()} == KNOWN_REVISIONS | OLDER_REVISIONS


def test_a_store_that_is_being_made_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    copy = copied(workspace, tmp_path / "ws")
    path = path_of(sqlite_store(copy))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '39d1c3be5f05'")
    store = open_tracking(copy)
    assert isinstance(store, EmptyTracking)
    assert "mlflow db upgrade" in store.notice


def test_an_unknown_revision_goes_through_the_client(workspace: Workspace, tmp_path: Path) -> None:
    copy = copied(workspace, tmp_path / "ws")
    with sqlite3.connect(path_of(sqlite_store(copy))) as db:
        db.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    store = open_tracking(copy)
    assert isinstance(store, ClientTracking)
    assert "ffffffffffff" in store.notice
    with pytest.raises(StoreError) as caught:
        store.runs("edm-training", None, BEST_OF)
    assert caught.value.hint


def test_asking_makes_no_file(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    store = open_tracking(workspace)
    assert isinstance(store, EmptyTracking)
    assert store.runs("edm-training", None, BEST_OF) == []
    assert store.find("x") == []
    assert not (workspace.root / "mlflow.db").exists()
    (workspace.root / "mlflow.db").touch()
    assert isinstance(open_tracking(workspace), EmptyTracking)


def test_what_is_no_database_is_an_error_with_a_hint(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    (workspace.root / "mlflow.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="damaged") as caught:
        open_tracking(workspace)
    assert caught.value.hint


def test_nothing_can_be_written(workspace: Workspace) -> None:
    with pytest.raises(StoreError), reading(path_of(sqlite_store(workspace))) as db:
        db.execute("DELETE FROM runs")


def test_a_file_that_may_not_be_written_is_opened_read_only(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(workspace, tmp_path / "ws")
    path = path_of(sqlite_store(copy))
    path.chmod(0o444)
    opened: list[str] = []
    connect = sqlite3.connect

    def spy(address: str, **options: Any) -> sqlite3.Connection:
        opened.append(address)
        connection: sqlite3.Connection = connect(address, **options)
        return connection

    # As root every file may be written, so access() is told what another user would hear.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(sqlite3, "connect", spy)
    assert len(sqlite_store(copy).runs("edm-training", None, BEST_OF)) == 8
    assert all(address.endswith("?mode=ro") for address in opened)


KILLED_WRITER = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE runs SET name = 'half written'")
db.executemany("INSERT INTO params VALUES (?, ?, (SELECT run_uuid FROM runs LIMIT 1))",
               ((f"p{i}", "x" * 2000) for i in range(200)))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_hot_journal_of_a_killed_writer_is_rolled_back(workspace: Workspace, tmp_path: Path) -> None:
    copy = copied(workspace, tmp_path / "ws")
    store = sqlite_store(copy)
    before = comparable(store.runs("edm-training", None, BEST_OF))
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path_of(store))], check=False)
    assert done.returncode == -signal.SIGKILL
    assert Path(f"{path_of(store)}-journal").stat().st_size > 0
    assert comparable(store.runs("edm-training", None, BEST_OF)) == before


WRITER = """
import sys
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1])
print("ready", flush=True)
for step in range(150):
    client.log_metric(sys.argv[2], "val_loss", 1.0 / (1 + step), step=step)
"""


def test_reading_beside_a_writer(workspace: Workspace, tmp_path: Path) -> None:
    from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client

    copy = copied(workspace, tmp_path / "ws")
    client = mlflow_client(copy)
    run_id = log_run(client, ensure_experiment(client, copy), "live", start=9_000_000, status=None)
    store = sqlite_store(copy)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, copy.tracking_uri, run_id], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer:
        assert writer.stdout.readline() == "ready\n"
        seen: list[RunRow] = []
        while writer.poll() is None:
            seen.append(store.runs("edm-training", 1, BEST_OF)[0])
    assert writer.returncode == 0
    steps = [row.metrics["val_loss"].last_step for row in seen if row.metrics]
    assert steps == sorted(steps)
    last = store.runs("edm-training", 1, BEST_OF)[0].metrics["val_loss"]
    assert (last.last_step, last.best) == (149, 1 / 150)


def test_a_lock_that_stays_is_told(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copied(workspace, tmp_path / "ws")
    store = sqlite_store(copy)
    monkeypatch.setattr(sqlite_schema, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(path_of(store), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked"):
        store.runs("edm-training", None, BEST_OF)
    holder.close()


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////tmp/a b.db", "/tmp/a b.db"),
        ("sqlite:////tmp/x.db?timeout=5", "/tmp/x.db"),
        ("sqlite+pysqlite:////tmp/x.db", "/tmp/x.db"),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://u:p@h/db", None),
        ("http://127.0.0.1:5000", None),
    ],
)
def test_the_file_of_a_uri(uri: str, path: str | None) -> None:
    assert database_path(uri) == (Path(path) if path else None)
