"""Killed at any moment and resumed, a run ends as one that was never stopped: to the last bit, on one CPU."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from edm_core.training.checkpoint import load_checkpoint
from edm_core.training.config import TrainingConfig
from edm_core.training.journal import RunJournal
from tests.support.kill_training import Killer, killer
from tests.support.tracks import make_workspace

WHOLE = TrainingConfig(
    run_name="whole", epochs=3, batch_size=2, duration=8, save_every=2, learning_rate=0.01, train_split=0.5
)
SAMPLE = 10


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("resume") / "ws")


@pytest.fixture(scope="module")
def warm() -> Iterator[Killer]:
    with killer() as started:
        yield started


@pytest.fixture(scope="module")
def moments(root: Path, warm: Killer) -> int:
    """Train without a stop; how many moments that has."""
    # The first training makes the feature cache and MLflow's store, which the others find made.
    assert warm.train(root, replace(WHOLE, run_name="first", epochs=1))[0] == 0
    status, count = warm.train(root, WHOLE)
    assert status == 0
    return count


def told(root: Path, name: str) -> tuple[str, dict[str, list[tuple[int, float]]], str]:
    """What MLflow was told of a run: status, every point of every metric in order of step, and its id."""
    from edm_core.stores.mlflow_client import mlflow_client
    from edm_core.workspace import find_workspace

    client = mlflow_client(find_workspace(root))
    experiment = client.get_experiment_by_name("edm-training")
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    series = {
        key: sorted((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, key))
        for key in run.data.metrics
    }
    assert run.data.params["learning_rate"] == "0.01"
    return run.info.status, series, run.info.run_id


def outcome(root: Path, name: str) -> dict[str, Any]:
    """All that must be the same of two runs."""
    folder = root / "outputs/training" / name
    checkpoints = {path.name: load_checkpoint(path) for path in sorted((folder / "checkpoints").iterdir())}
    return {
        "metrics": [(step, metrics) for step, _, metrics in RunJournal(folder / "logs").points()],
        "checkpoints": {file: {**saved, "config": None} for file, saved in checkpoints.items()},
        "tracks": (folder / "tracks.json").read_text(),
        "actual": yaml.safe_load((folder / "metadata.yaml").read_text())["results"]["actual"],
        "mlflow": told(root, name)[:2],
    }


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equality to the bit, through tensors in dictionaries and lists."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key, value in one.items():
            assert_same(value, other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}/{index}")
    else:
        assert one == other, where


def kill_and_resume(root: Path, warm: Killer, name: str, stops: list[int]) -> None:
    """Kill a training at each of `stops` (moments after it was begun or resumed), then let it end."""
    config = replace(WHOLE, run_name=name)
    folder = root / "outputs/training" / name
    for stop in stops:
        begun = replace(config, resume=folder.exists())
        status, _ = warm.train(root, begun, kill_at=stop)
        assert status in (-9, 0)
    status, _ = warm.train(root, replace(config, resume=folder.exists()))
    assert status == 0
    assert_same(outcome(root, "whole"), outcome(root, name), name)
    assert yaml.safe_load((folder / "metadata.yaml").read_text())["run_id"] == told(root, name)[2]
    assert not list(folder.rglob("*.tmp")), "a killed write leaves its temporary file behind"


def stops_of(count: int, moments: int, seed: int) -> list[list[int]]:
    """`count` trainings with one to three kills each; the first moments are spread over the whole of the training."""
    chooser = random.Random(seed)
    first = sorted(chooser.sample(range(1, moments), count))
    return [[stop, *(chooser.randrange(1, moments) for _ in range(chooser.randrange(3)))] for stop in first]


def test_a_killed_run_ends_as_if_never_stopped(root: Path, warm: Killer, moments: int) -> None:
    assert moments > 40
    for number, stops in enumerate(stops_of(SAMPLE, moments, seed=1)):
        kill_and_resume(root, warm, f"killed_{number}", stops)


@pytest.mark.proof
def test_every_moment(root: Path, warm: Killer, moments: int) -> None:
    for stop in range(1, moments):
        kill_and_resume(root, warm, f"every_{stop}", [stop])
        shutil.rmtree(root / f"outputs/training/every_{stop}")
    print(f"killed and resumed at each of {moments - 1} moments: the same to the bit")
