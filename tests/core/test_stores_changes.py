"""Many runs: read into columns, kept on disk, and brought up to date by what other processes changed."""

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.errors import StoreError
from edm_core.snapshots.run_columns import RunColumns
from edm_core.stores import sql_tracking
from edm_core.stores.first_runs import all_runs
from edm_core.stores.last_snapshot import last_snapshot, save_snapshot, snapshot_path
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS, ManyRuns
from edm_core.stores.run_codec import DamagedError, decode, encode
from edm_core.stores.run_reader import RunReader
from edm_core.stores.runs import load_runs
from edm_core.stores.sqlite_schema import database_path
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace
from tests.support.stores import copied, many_kinds, new_workspace, without_sparks

BEST_OF = ("val_loss", "boundary_f1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, str]]:
    workspace = new_workspace(tmp_path_factory.mktemp("many") / "ws")
    return workspace, many_kinds(workspace)


@pytest.fixture
def columnwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few runs take the way of many."""
    monkeypatch.setattr(sql_tracking, "ROWS", 0)


@pytest.mark.usefixtures("columnwise")
@pytest.mark.parametrize("experiment", ["edm-training", "other", ALL_EXPERIMENTS, "no such"])
def test_columns_say_what_rows_say(made: tuple[Workspace, dict[str, str]], experiment: str) -> None:
    store = open_tracking(made[0])
    columns = store.many(experiment, BEST_OF, None).columns
    rows = store.runs(experiment, None, BEST_OF)
    assert columns.run_ids == [row.run_id for row in rows]
    expected = {
        row.run_id: repr(replace(row, metrics={k: replace(s, spark=()) for k, s in row.metrics.items()}))
        for row in rows
    }
    assert without_sparks(columns) == expected


@pytest.mark.usefixtures("columnwise")
def test_two_processes_read_what_one_reads(made: tuple[Workspace, dict[str, str]]) -> None:
    code = (
        "from edm_core.stores import sql_tracking; sql_tracking.ROWS = 0\n"
        "from edm_core.stores.tracking import open_tracking; from edm_core.workspace import find_workspace\n"
        "from edm_core.stores.run_codec import encode; import sys\n"
        "store = open_tracking(find_workspace()); store.may_fork = sys.argv[1] == 'two'\n"
        "many = store.many('*', ('val_loss', 'boundary_f1'), None)\n"
        "sys.stdout.buffer.write(b''.join(encode(many.columns, many.mark)))"
    )
    one, two = (
        subprocess.run([sys.executable, "-c", code, how], cwd=made[0].root, capture_output=True, check=True).stdout
        for how in ("one", "two")
    )
    assert one == two
    assert len(one) > 1000


def test_what_goes_wrong_in_a_forked_process_is_told() -> None:
    code = (
        "from edm_core.errors import StoreError; from edm_core.stores.forking import forked; import os\n"
        "def fails(): raise StoreError('it is locked', 'Wait.')\n"
        "for work in (fails, lambda: os._exit(3)):\n"
        "    try:\n"
        "        with forked(work) as result: result()\n"
        "    except StoreError as error: print(error.message)\n"
        "with forked(lambda: 7) as result: print(result())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ["it is locked", "the process that read the metrics ended before it was done", "7"]


@pytest.mark.usefixtures("columnwise")
def test_best_values_of_a_further_metric_are_added(made: tuple[Workspace, dict[str, str]]) -> None:
    reader = RunReader(made[0])
    plain = reader.read(ALL_EXPERIMENTS)
    assert all(row.metrics["group/loss value"].best is None for row in plain.rows if "group/loss value" in row.metrics)
    more = reader.read(ALL_EXPERIMENTS, ["group/loss value"])
    assert [row.metrics["group/loss value"].best for row in more.rows if "group/loss value" in row.metrics] == [0.5]
    assert [row.metrics["val_loss"].best for row in more.rows if row.name == "backwards"] == [0.05]


@pytest.mark.usefixtures("columnwise")
def test_runs_that_are_gone_for_good_go(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace, ids = copied(made[0], tmp_path / "ws"), made[1]
    store = open_tracking(workspace)
    known = store.many("edm-training", BEST_OF, None)
    path = database_path(workspace.tracking_uri)
    assert path is not None
    with sqlite3.connect(path) as db:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            db.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (ids["plain"],))
    assert ids["plain"] not in store.many("edm-training", BEST_OF, known).columns.places


def test_a_store_that_goes_away_is_told_and_read_again_when_it_is_back(
    made: tuple[Workspace, dict[str, str]], tmp_path: Path
) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    reader = RunReader(workspace)
    before = [row.run_id for row in reader.read().rows]
    path = database_path(workspace.tracking_uri)
    assert path is not None
    path.rename(tmp_path / "away.db")
    for _ in range(2):
        with pytest.raises(StoreError, match="is gone"):
            reader.read()
    (tmp_path / "away.db").rename(path)
    assert [row.run_id for row in reader.read().rows] == before


@pytest.mark.usefixtures("columnwise")
def test_another_file_in_the_place_of_the_store_leaves_no_run_of_the_old_one(
    made: tuple[Workspace, dict[str, str]], tmp_path: Path
) -> None:
    workspace, ids = copied(made[0], tmp_path / "ws"), made[1]
    known = open_tracking(workspace).many("edm-training", BEST_OF, None)
    assert ids["plain"] in known.columns.run_ids
    file, other = database_path(workspace.tracking_uri), tmp_path / "other.db"
    assert file is not None
    shutil.copy(file, other)
    with sqlite3.connect(other) as db:
        for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
            db.execute(f"UPDATE {table} SET run_uuid = ? WHERE run_uuid = ?", ("f" * 32, ids["plain"]))
    other.replace(file)
    now = open_tracking(workspace).many("edm-training", BEST_OF, known).columns
    fresh = open_tracking(workspace).many("edm-training", BEST_OF, None).columns
    assert without_sparks(now) == without_sparks(fresh)
    assert "f" * 32 in without_sparks(now)


@pytest.mark.usefixtures("columnwise")
def test_a_reader_gives_what_a_fresh_read_gives(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace, ids = copied(made[0], tmp_path / "ws"), made[1]
    reader = RunReader(workspace)
    reader.read()
    mlflow_client(workspace).log_metric(ids["plain"], "val_loss", -1.0, step=200)
    assert [row.name for row in reader.read().rows] == [row.name for row in load_runs(workspace).rows]
    assert next(row for row in reader.read().rows if row.name == "plain").metrics["val_loss"].best_step == 200
    assert reader.summaries([ids["plain"]], ["val_loss"])[ids["plain"]]["val_loss"].spark[-1] == -1.0


@pytest.mark.usefixtures("columnwise")
def test_the_disk_keeps_them_for_the_next_start(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace, ids = copied(made[0], tmp_path / "ws"), made[1]
    store = open_tracking(workspace)
    first = all_runs(workspace, store, "edm-training", BEST_OF)
    path = snapshot_path(workspace, "edm-training", BEST_OF)
    assert path.stat().st_mode & 0o077 == 0
    kept = last_snapshot(workspace, "edm-training", BEST_OF)
    assert kept is not None
    assert without_sparks(kept[0]) == without_sparks(first.columns)
    mlflow_client(workspace).set_tag(ids["plain"], "kind", "new")
    again = all_runs(workspace, store, "edm-training", BEST_OF)
    assert again.columns.row(again.columns.places[ids["plain"]]).tags["kind"] == "new"
    assert last_snapshot(workspace, "other", BEST_OF) is None


def test_few_of_them_are_kept(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    for number in range(7):
        assert save_snapshot(workspace, f"experiment {number}", BEST_OF, RunColumns(), None, 1.0)
    assert len(list(workspace.cache_dir.iterdir())) == 4
    assert last_snapshot(workspace, "experiment 0", BEST_OF) is None
    assert last_snapshot(workspace, "experiment 6", BEST_OF) is not None


def test_a_damaged_one_is_thrown_away_silently(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    columns = open_tracking(workspace).many("edm-training", BEST_OF, None).columns
    path = snapshot_path(workspace, "edm-training", BEST_OF)
    assert save_snapshot(workspace, "edm-training", BEST_OF, columns, None, 1.0)
    whole = path.read_bytes()
    for damaged in (b"", b"x", whole[:-1], whole[: len(whole) // 2], whole[:40] + b"\xff" + whole[41:],
                    whole[:-3] + b"abc", whole.replace(b'"version":1', b'"version":9')):  # fmt: skip
        path.write_bytes(damaged)
        assert last_snapshot(workspace, "edm-training", BEST_OF) is None
        assert not path.exists()
    path.write_bytes(whole)
    kept = last_snapshot(workspace, "edm-training", BEST_OF)
    assert kept is not None
    assert kept[2] == 1.0


def test_a_disk_that_takes_nothing_only_costs_time(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    shutil.rmtree(workspace.cache_dir, ignore_errors=True)
    workspace.cache_dir.parent.mkdir(exist_ok=True)
    workspace.cache_dir.write_text("a file where a folder should be")
    assert not save_snapshot(workspace, "edm-training", BEST_OF, RunColumns(), None, 1.0)
    assert all_runs(workspace, open_tracking(workspace), "edm-training", BEST_OF).columns.run_ids


def test_columns_as_bytes_hold_everything_but_what_lies_here(made: tuple[Workspace, dict[str, str]]) -> None:
    columns = open_tracking(made[0]).many(ALL_EXPERIMENTS, BEST_OF, None).columns
    parts = list(encode(columns, {"a": 1}))
    back, more = decode(parts)
    assert more == {"a": 1}
    assert [repr(back.row(at)) for at in range(len(back))] == [repr(columns.row(at)) for at in range(len(columns))]
    for wrong in (parts[:-1], parts[1:], [parts[0], parts[-1]], [*parts[:3], b"junk", *parts[3:]]):
        with pytest.raises(DamagedError):
            decode(wrong)


def test_many_runs_of_an_unknown_mark_are_read_anew(made: tuple[Workspace, dict[str, str]]) -> None:
    store = open_tracking(made[0])
    assert store.many("edm-training", BEST_OF, ManyRuns(RunColumns(), ["nonsense"])).columns.run_ids
