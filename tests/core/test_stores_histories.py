"""Histories read from stores: SQLite says what plain Python says of the same points, and reads only what is new."""

import math
import sqlite3
from pathlib import Path

import pytest

from edm_core.curves.history import EXACT, History, Timed, from_points
from edm_core.snapshots.runs import RunRow
from edm_core.stores.histories import every_point, load_histories
from edm_core.stores.memory import MemoryTracking
from edm_core.workspace import Workspace
from tests.support.stores import copied, log_run, new_workspace

LENGTH, SPIKE = 5_000, 3_210
COLUMNS = "(run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)"


def wave(step: int) -> float:
    return 9.0 if step == SPIKE else math.sin(step / 100)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client

    workspace = new_workspace(tmp_path_factory.mktemp("histories") / "ws")
    client = mlflow_client(workspace)
    points = [(step, 0.5) for step in range(3)] + [(3, math.nan), (4, math.inf), (5, 0.1)]
    run_id = log_run(client, ensure_experiment(client, workspace), "one", start=1_000, metrics={"short": points})
    with sqlite3.connect(workspace.root / "mlflow.db") as database:
        add(database, run_id, [(step, step * 10, wave(step)) for step in range(LENGTH)])
    return workspace, run_id


def add(database: sqlite3.Connection, run_id: str, points: list[Timed], key: str = "long") -> None:
    """Points as MLflow writes them."""
    rows = [(run_id, key, *stored(value), at, step, math.isnan(value)) for step, at, value in points]
    database.executemany(f"INSERT INTO metrics {COLUMNS}", rows)
    database.execute("DELETE FROM latest_metrics WHERE run_uuid = ? AND key = ?", (run_id, key))
    database.execute(f"INSERT INTO latest_metrics {COLUMNS}", rows[-1])


def stored(value: float) -> tuple[float]:
    return (
        (0.0,)
        if math.isnan(value)
        else (math.copysign(1.7976931348623157e308, value),)
        if math.isinf(value)
        else (value,)
    )


def test_a_short_history_comes_whole_with_its_gaps(made: tuple[Workspace, str]) -> None:
    workspace, run_id = made
    found = load_histories(workspace, run_id, ["short"])["short"]
    assert found.exact
    assert found.steps == (0, 1, 2, 5)
    assert [(step, str(value)) for step, _, value in found.bad] == [(3, "nan"), (4, "inf")]
    assert (found.lowest, found.highest) == ((5, 0.1), (0, 0.5))
    assert found.last is not None
    assert found.last[0] == 5


@pytest.mark.parametrize("span", [None, (1_000, 4_499)])
def test_parts_found_by_sqlite_are_those_found_in_python(
    made: tuple[Workspace, str], span: tuple[int, int] | None
) -> None:
    workspace, run_id = made
    found = load_histories(workspace, run_id, ["long"], 50, span)["long"]
    memory = MemoryTracking()
    memory.add(RunRow(run_id, "one", start_ms=0), {"long": [(step, wave(step)) for step in range(LENGTH)]})
    same = memory.histories(run_id, ["long"], 50, span, {})["long"]
    assert not found.exact
    assert (found.lows, found.highs, found.counts) == (same.lows, same.highs, same.counts)
    assert found.means == pytest.approx(same.means)
    assert (found.steps[0], found.steps[-1]) == (same.steps[0], same.steps[-1]) == (span or (0, LENGTH - 1))
    assert list(found.steps) == sorted(set(found.steps))
    assert (found.lowest, found.highest) == (same.lowest, (SPIKE, 9.0))


def test_what_is_near_enough_is_read_point_by_point(made: tuple[Workspace, str]) -> None:
    workspace, run_id = made
    found = load_histories(workspace, run_id, ["long"], 50, (SPIKE - 100, SPIKE + 100))["long"]
    assert found.exact
    assert len(found) == 201


def test_every_point_comes_once_and_in_order(made: tuple[Workspace, str]) -> None:
    workspace, run_id = made
    found = list(every_point(workspace, RunRow(run_id, "one"), "long"))
    assert found == [(step, step * 10, wave(step)) for step in range(LENGTH)]
    assert [step for step, _, _ in every_point(workspace, RunRow(run_id, "one"), "short")] == [0, 1, 2, 3, 4, 5]
    assert list(every_point(workspace, RunRow(run_id, "one"), "nothing")) == []


def test_only_what_is_new_is_read(made: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, run_id = made
    own = copied(workspace, tmp_path / "ws")
    known = load_histories(own, run_id)
    again = load_histories(own, run_id, known=known)
    assert all(again[key] is history for key, history in known.items())
    with sqlite3.connect(own.root / "mlflow.db") as database:
        add(database, run_id, [(LENGTH, 1, math.nan), (LENGTH + 1, 2, -7.0)])
    grown = load_histories(own, run_id, known=known)
    assert grown["short"] is known["short"]
    assert grown["long"].steps == (*known["long"].steps, LENGTH + 1)
    assert grown["long"].lowest == (LENGTH + 1, -7.0)
    assert [step for step, _, _ in grown["long"].bad] == [LENGTH]


def test_nan_and_infinity_do_not_spoil_a_part(made: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, run_id = made
    own = copied(workspace, tmp_path / "ws")
    points = [(step, step, 1.0 + step / 1e4) for step in range(2 * EXACT)]
    points[700], points[701], points[1500] = (700, 0, math.nan), (701, 0, math.inf), (1500, 0, -math.inf)
    with sqlite3.connect(own.root / "mlflow.db") as database:
        add(database, run_id, points, "odd")
    found = load_histories(own, run_id, ["odd"], 20)["odd"]
    assert (len(found), found.total) == (20, 2 * EXACT - 3)
    assert min(found.lows) == 1.0
    assert max(found.highs) == pytest.approx(1.0 + (2 * EXACT - 1) / 1e4)
    assert [step for step, _, _ in found.bad] == [700, 701, 1500]


def test_a_store_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert load_histories(new_workspace(tmp_path / "ws"), "no such run") == {}


def test_an_empty_history_is_a_history() -> None:
    assert from_points([]) == History()
