"""Best values behind a server: exact, read once, ended when told to, and known at the next start."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.snapshots.run_columns import MISSING
from edm_core.stores import best_values, http_tracking
from edm_core.stores.client_tracking import ClientTracking
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.run_reader import RunReader
from edm_core.workspace import Workspace
from tests.support.servers import at, served
from tests.support.stores import log_run, many_kinds, new_workspace

KEY = "val_loss"


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = new_workspace(tmp_path_factory.mktemp("best") / "ws")
    many_kinds(workspace)
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace)
    for at_ in range(12):
        points = [(step, math.cos(at_ + step * 7)) for step in range(6)]
        log_run(client, home, f"more_{at_}", start=2_000_000 + at_, metrics={KEY: points})
    log_run(client, home, "nothing", start=2_900_000, metrics={KEY: [(0, math.nan), (1, math.nan)]})
    long = log_run(client, home, "long", start=2_800_000, metrics={KEY: [(0, 1.0)]})
    client.log_batch(long, metrics=_spiked(900))
    with served(workspace.tracking_uri, workspace.root) as address:
        yield at(workspace, address)


def _spiked(count: int) -> list[object]:
    from mlflow.entities import Metric

    return [Metric(KEY, -9.0 if step == 777 else 1.0, step, step) for step in range(1, count)]


@pytest.fixture(autouse=True)
def _fresh(far: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_values, "_opened", {})
    monkeypatch.setattr(http_tracking, "IDS", 5)
    monkeypatch.setattr(http_tracking, "FIRST_PAGE", 5)
    for path in far.cache_dir.glob("best-*"):
        path.unlink()


def a_reader(far: Workspace) -> RunReader:
    reader = RunReader(far)
    reader.read(experiment="edm-training")
    return reader


def bests(reader: RunReader) -> dict[str, tuple[float | None, int | None]]:
    columns = reader.read(experiment="edm-training").rows.columns  # type: ignore[attr-defined]
    metric = columns.metrics[KEY]
    return {
        columns.run_ids[at_]: (metric.best[at_], metric.best_step[at_])
        for at_ in range(len(columns))
        if metric.best_step[at_] != MISSING
    }


@pytest.mark.parametrize("most", [25_000, 200])
def test_they_are_those_of_whole_histories(far: Workspace, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an answer holds only some of the histories, and where one history is more than an answer holds."""
    monkeypatch.setattr(http_tracking, "MOST_POINTS", most)
    reader, heard = a_reader(far), []
    assert reader.best_left([KEY]) > 10

    def told(key: str, done: int, total: int) -> bool:
        heard.append((key, done, total))
        return True

    reader.read_best([KEY], told)
    assert reader.best_left([KEY]) == 0
    theirs = ClientTracking(far, "client").runs("edm-training", None, [KEY])
    expected = {
        row.run_id: (one.best, one.best_step)
        for row in theirs
        if (one := row.metrics.get(KEY)) is not None and one.best is not None
    }
    assert bests(reader) == expected
    assert heard[0][1] < heard[-1][1] == heard[-1][2]
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)


def test_they_are_known_at_the_next_start_without_a_question(far: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = a_reader(far)
    reader.read_best([KEY], lambda *_: True)
    found = bests(reader)
    monkeypatch.setattr(best_values, "_opened", {})
    again = a_reader(far)
    assert again.best_left([KEY]) == 0
    assert bests(again) == found


def test_a_run_that_goes_on_is_asked_for_again(far: Workspace) -> None:
    reader = a_reader(far)
    reader.read_best([KEY], lambda *_: True)
    run_id = next(row.run_id for row in reader.read(experiment="edm-training").rows if row.name == "more_3")
    mlflow_client(far).log_metric(run_id, KEY, -77.0, step=99)
    assert bests(a_reader(far)).get(run_id) != (-77.0, 99)
    fresh = a_reader(far)
    assert fresh.best_left([KEY]) == 1
    fresh.read_best([KEY], lambda *_: True)
    assert bests(fresh)[run_id] == (-77.0, 99)


def test_ending_it_keeps_what_was_read(far: Workspace) -> None:
    reader = a_reader(far)
    before, rounds = reader.best_left([KEY]), []

    def told(key: str, done: int, total: int) -> bool:
        rounds.append(done)
        return len(rounds) < 2

    reader.read_best([KEY], told)
    assert 0 < reader.best_left([KEY]) < before
    assert 0 < a_reader(far).best_left([KEY]) < before


@pytest.mark.parametrize("damage", ["{", "[1]", "[9, {}]", '[1, {"a": 3}]', "null"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "best-x"
    path.write_text(damage)
    assert best_values._kept(path) == {}
