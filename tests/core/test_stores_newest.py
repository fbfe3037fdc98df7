"""The newest rows on disk, which the next start paints before it has asked the store: the same for every store."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.snapshots.run_builder import view_of
from edm_core.snapshots.runs import DataState
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.newest_runs import KEPT, NEWEST, last_newest, newest_path, save_newest
from edm_core.stores.run_reader import RunReader
from edm_core.stores.runs import load_runs
from edm_core.stores.snapshot_files import write_parts
from edm_core.workspace import Workspace
from tests.support.servers import at
from tests.support.stores import copied, log_run, many_kinds, new_workspace

NAME = "edm-training"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, str]]:
    workspace = new_workspace(tmp_path_factory.mktemp("newest") / "ws")
    return workspace, many_kinds(workspace)


def test_a_small_store_is_kept_with_all_that_its_rows_know(
    made: tuple[Workspace, dict[str, str]], tmp_path: Path
) -> None:
    workspace, ids = copied(made[0], tmp_path / "ws"), made[1]
    folder = workspace.runs_dir / "plain"
    folder.mkdir(parents=True)
    (folder / "metadata.yaml").write_text(f"run_id: {ids['plain']}\n")
    assert last_newest(workspace, NAME) is None
    read = RunReader(workspace).read()
    left = last_newest(workspace, NAME)
    assert left is not None
    # NaN is not equal to itself, but reads the same.
    assert [repr(row) for row in left.rows] == [repr(row) for row in read.rows]
    assert any(row.data_state is DataState.UNTRACKED and row.run_dir for row in left.rows)
    assert (left.store, left.taken, left.old, left.partial) == (read.store, read.taken, True, False)
    assert newest_path(workspace, NAME).stat().st_mode & 0o077 == 0
    assert last_newest(workspace, "other") is None


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_runs_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    workspace = at(new_workspace(tmp_path / "ws"), (tmp_path / "ws" / "mlruns").as_uri())
    client = mlflow_client(workspace)
    log_run(client, ensure_experiment(client, workspace), "one", start=1000)
    read = RunReader(workspace).read()
    left = last_newest(workspace, NAME)
    assert left is not None
    assert [row.name for row in left.rows] == [row.name for row in read.rows] == ["one"]


def test_what_changed_is_in_it_after_the_next_read(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace, ids = copied(made[0], tmp_path / "ws"), made[1]
    reader = RunReader(workspace)
    reader.read()
    mlflow_client(workspace).delete_run(ids["plain"])
    reader.read()
    left = last_newest(workspace, NAME)
    assert left is not None
    assert ids["plain"] not in {row.run_id for row in left.rows}


def test_of_many_the_newest_are_kept(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    snapshot = load_runs(workspace)
    rows = [replace(row, run_id=f"{number:032x}") for number, row in enumerate([snapshot.rows[0]] * (NEWEST + 50))]
    assert save_newest(workspace, replace(snapshot, rows=view_of(rows)))
    left = last_newest(workspace, NAME)
    assert left is not None
    assert [row.run_id for row in left.rows] == [row.run_id for row in rows[:NEWEST]]
    assert left.partial


def test_another_way_of_judging_does_not_show_the_old_best(
    made: tuple[Workspace, dict[str, str]], tmp_path: Path
) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    RunReader(workspace).read()
    metrics = replace(workspace.settings.metrics, directions={"val_loss": "max"})
    other = Workspace(workspace.root, replace(workspace.settings, metrics=metrics))
    assert last_newest(workspace, NAME) is not None
    assert last_newest(other, NAME) is None


def test_a_damaged_one_is_thrown_away_silently(made: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    snapshot = RunReader(workspace).read()
    path = newest_path(workspace, NAME)
    whole, chance = path.read_bytes(), random.Random(5)
    damaged = [b"", b"x", whole[:-1], whole.replace(b'"version":1', b'"version":9'), b"EDM" + whole[3:]]
    damaged += [whole[: chance.randrange(len(whole))] for _ in range(60)]
    for _ in range(200):
        where = chance.randrange(len(whole))
        damaged.append(whole[:where] + bytes([whole[where] ^ (1 << chance.randrange(8))]) + whole[where + 1 :])
    for one in damaged:
        path.write_bytes(one)
        assert last_newest(workspace, NAME) is None
        assert not path.exists()
    # Whole for a reader of parts, but nothing that was ever written.
    assert write_parts(path, [b"\0\0\0\0"], KEPT)
    assert last_newest(workspace, NAME) is None
    assert save_newest(workspace, snapshot)
    assert last_newest(workspace, NAME) is not None


def test_what_stands_in_its_place_costs_nothing_but_time(
    made: tuple[Workspace, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = copied(made[0], tmp_path / "ws")
    path = newest_path(workspace, NAME)
    shutil.rmtree(workspace.cache_dir, ignore_errors=True)
    path.mkdir(parents=True)
    (path / "something").touch()
    assert last_newest(workspace, NAME) is None
    assert RunReader(workspace).read().rows
    assert [entry.name for entry in workspace.cache_dir.iterdir()] == [path.name], "a temporary file stays"
    shutil.rmtree(path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edm_core.stores.snapshot_files.tempfile.mkstemp", full)
    assert RunReader(workspace).read().rows
    assert last_newest(workspace, NAME) is None
