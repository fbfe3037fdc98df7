"""What MLflow is told while it comes and goes: everything, and nothing twice."""

import time
from dataclasses import replace
from typing import Any

import pytest

from edm_core.errors import RunNameError, StoreError, TrainingError
from edm_core.training import tracking
from edm_core.training.config import TrainingConfig
from edm_core.training.journal import FINISHED, KILLED, RunJournal
from edm_core.training.replay import log_points, needs_replay, replay_unlogged
from edm_core.training.run_folder import RunFolder, create_run_folder, open_run_folder
from edm_core.training.run_setup import open_folder
from edm_core.training.tracking import PATIENCE, RunTracker, Tracking
from edm_core.workspace import Workspace, find_workspace
from tests.support.tracks import make_workspace


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return find_workspace(make_workspace(tmp_path_factory.mktemp("tracking") / "ws", tracks=0))


@pytest.fixture
def folder(workspace: Workspace, request: pytest.FixtureRequest) -> RunFolder:
    return create_run_folder(workspace.runs_dir, TrainingConfig(run_name=request.node.name), "")


def begin(folder: RunFolder, workspace: Workspace, clock: Clock | None = None, epoch: int = 1) -> RunTracker:
    target = Tracking(workspace.tracking_uri, "edm-training")
    tracker = RunTracker(folder, workspace, target, lambda _: None, clock or Clock())
    tracker.begin({"epochs": "9"}, {"edm.pid": str(epoch)}, epoch)
    return tracker


def series(workspace: Workspace, run_id: str, key: str = "val_loss") -> list[tuple[int, float]]:
    from edm_core.stores.mlflow_client import mlflow_client

    history = mlflow_client(workspace).get_metric_history(run_id, key)
    return [(metric.step, metric.value) for metric in history]


def test_an_answer_that_was_lost_is_not_said_again(
    workspace: Workspace, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, calls = begin(folder, workspace), []

    def logged_but_lost(*arguments: Any) -> None:
        log_points(*arguments)
        calls.append(arguments)
        raise StoreError("the connection broke")

    monkeypatch.setattr(tracking, "log_points", logged_but_lost)
    tracker.log_epoch(1, {"val_loss": 0.5})
    monkeypatch.setattr(tracking, "log_points", log_points)
    tracker.log_epoch(2, {"val_loss": 0.4})
    tracker.end(FINISHED)
    assert len(calls) == 1
    assert series(workspace, tracker.run_id) == [(1, 0.5), (2, 0.4)]


def test_a_slow_failure_is_not_tried_again_at_once(
    workspace: Workspace, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    tracker = begin(folder, workspace, clock)
    tried: list[float] = []

    def hang(*_: Any) -> None:
        tried.append(clock.now)
        clock.now += 7.0
        raise StoreError("no answer")

    monkeypatch.setattr(tracking, "log_points", hang)
    monkeypatch.setattr(tracking, "synchronise", hang)
    for epoch in range(1, 101):
        clock.now += 2.0
        tracker.log_epoch(epoch, {"val_loss": 1.0 / epoch})
    assert len(tried) == 2
    assert tried[1] - tried[0] > PATIENCE * 7.0
    monkeypatch.undo()
    tracker.end(KILLED)
    assert series(workspace, tracker.run_id) == [(n, 1.0 / n) for n in range(1, 101)]
    assert not needs_replay(folder.path)


def test_a_resumed_run_tells_only_what_is_new(workspace: Workspace, folder: RunFolder) -> None:
    first = begin(folder, workspace)
    first.log_epoch(1, {"val_loss": 0.5})
    # Written down, and killed before MLflow was told.
    RunJournal(folder.logs).add(2, int(time.time() * 1000), {"val_loss": 0.4})
    assert needs_replay(folder.path)
    second = begin(folder, workspace, epoch=2)
    assert second.run_id == first.run_id
    second.log_epoch(2, {"val_loss": 0.4})
    second.log_epoch(3, {"val_loss": 0.3})
    second.end(FINISHED)
    assert series(workspace, first.run_id) == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_replay_of_a_run_that_died_logs_its_points_once(workspace: Workspace, folder: RunFolder) -> None:
    run_id = begin(folder, workspace).run_id
    RunJournal(folder.logs).add(1, 1_700_000_000_000, {"val_loss": 0.5, "train_loss": float("nan")})
    assert replay_unlogged(folder.path, workspace.tracking_uri, "edm-training") == 2
    assert replay_unlogged(folder.path, workspace.tracking_uri, "edm-training") == 0
    assert not needs_replay(folder.path)
    assert series(workspace, run_id) == [(1, 0.5)]


def test_half_a_line_is_not_a_point_and_does_not_spoil_the_next(folder: RunFolder) -> None:
    journal = RunJournal(folder.logs)
    journal.add(1, 5, {"val_loss": 0.5})
    with (folder.logs / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "ti')
    assert [step for step, _, _ in journal.points()] == [1]
    journal.add(2, 6, {"val_loss": 0.4})
    journal.add(2, 7, {"val_loss": 9.9})
    assert journal.points() == [(1, 5, {"val_loss": 0.5}), (2, 6, {"val_loss": 0.4})]


def test_resuming_takes_the_config_that_the_run_was_started_with(workspace: Workspace) -> None:
    config = TrainingConfig(run_name="kept", learning_rate=0.01, epochs=5, beat=False)
    create_run_folder(workspace.runs_dir, config, "")
    given = TrainingConfig(run_name="kept", resume=True)
    assert open_run_folder(workspace.runs_dir, given)[1] == replace(config, resume=True)
    longer = open_run_folder(workspace.runs_dir, replace(given, epochs=9))[1]
    assert longer.epochs == 9
    open_folder(workspace, longer)
    assert open_run_folder(workspace.runs_dir, given)[1].epochs == 9, "a second resume goes on with the first's change"
    with pytest.raises(RunNameError, match="taken"):
        open_folder(workspace, config)
    with pytest.raises(TrainingError, match=r"--lr is 0\.5 here, but run kept was started with 0\.01"):
        open_run_folder(workspace.runs_dir, replace(given, learning_rate=0.5))


def test_editing_meanwhile_is_not_undone_by_training(folder: RunFolder) -> None:
    folder.update_metadata(hypothesis="changed by hand", results={"expected": "0.9", "actual": "", "conclusion": "?"})
    folder.set_actual("val_loss 0.1")
    metadata = folder.read_metadata()
    assert metadata["hypothesis"] == "changed by hand"
    assert metadata["results"] == {"expected": "0.9", "actual": "val_loss 0.1", "conclusion": "?"}
    folder.metadata_path.write_text("- a list\n")
    with pytest.raises(TrainingError, match=r"metadata\.yaml"):
        folder.read_metadata()
