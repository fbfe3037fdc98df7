"""What register makes loads in a fresh process in another folder, without this package, as MLflow's own client asks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edm_core.errors import EdmError, TrainingError
from edm_core.registry import ModelRegistry
from edm_core.workspace import Workspace
from tests.support.loading import load_elsewhere, output_of
from tests.support.registry import COMMIT, DATA_VERSION, make_run, make_workspace, save_checkpoint_file


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = make_workspace(tmp_path / "work")
    monkeypatch.chdir(workspace.root)
    return workspace


def test_the_guides_calls_give_a_model_that_loads_elsewhere(workspace: Workspace, tmp_path: Path) -> None:
    first, second = make_run(workspace, "one", seed=1, val_loss=0.5), make_run(workspace, "two", seed=2, val_loss=0.4)
    registry = ModelRegistry(experiment_name="edm-training")
    best = {row.name: workspace.root / row.run_dir / "checkpoints/best.pt" for row in (first, second)}
    for row in (first, second):
        made = registry.register_model(
            model_path=str(best[row.name]), model_name="EDMModel", metadata={"tracks": 26, "note": "hello"}
        )
        assert made.run_id == row.run_id
    registry.promote(1, "Production")

    seen = load_elsewhere(
        workspace, tmp_path / "elsewhere", "models:/EDMModel/Production", "models:/EDMModel/1", "models:/EDMModel/2",
        "models:/EDMModel@production",
    )  # fmt: skip

    one, two = output_of(best["one"]), output_of(best["two"])
    assert one != two
    assert seen["models:/EDMModel/Production"] == pytest.approx(one, abs=1e-4)
    assert seen["models:/EDMModel@production"] == pytest.approx(one, abs=1e-4)
    assert seen["models:/EDMModel/1"] == pytest.approx(one, abs=1e-4)
    assert seen["models:/EDMModel/2"] == pytest.approx(two, abs=1e-4)

    version = registry.versions()[0]
    assert version.version == 2
    assert version.tags["tracks"] == "26"
    assert version.tags["note"] == "hello"
    assert version.tags["edm.run_name"] == "two"
    assert version.tags["edm.data_version"] == DATA_VERSION
    assert version.tags["mlflow.source.git.commit"] == COMMIT
    assert json.loads(version.tags["edm.metrics"]) == {"val_loss": 0.4}

    run = registry.client.get_run(first.run_id)
    assert (run.info.status, run.info.end_time) == ("FAILED", 123456)
    frame = registry.runs()
    assert set(frame["run_id"]) == {first.run_id, second.run_id}
    assert sorted(frame["metrics.val_loss"]) == [0.4, 0.5]


def test_loading_leaves_the_installed_package_in_reach(workspace: Workspace) -> None:
    row = make_run(workspace, "one")
    registry = ModelRegistry()
    registry.register_model(workspace.root / row.run_dir / "checkpoints/best.pt")
    code = (
        "import warnings; warnings.simplefilter('ignore'); import mlflow.pytorch;"
        "network = mlflow.pytorch.load_model('models:/EDMModel/1');"
        "import edm_core.registry, edm_core.training.model as m;"
        "print(type(network).__module__.split('.')[0][:10], m.MELS)"
    )
    env = {**os.environ, "MLFLOW_TRACKING_URI": workspace.tracking_uri}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["edm_model_", "40"], done.stderr


def _corrupted(path: Path) -> None:
    content = save_checkpoint_file(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _foreign(path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True)
    torch.save({"weights": torch.zeros(3)}, path)


def _other_network(path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True)
    torch.save({"state_dict": {"x": torch.zeros(1)}, "config": {"backbone": "resnet"}, "format": 1}, path)


@pytest.mark.parametrize("spoil", [_corrupted, _foreign, _other_network])
def test_what_is_no_checkpoint_of_ours_is_refused_and_leaves_nothing(workspace: Workspace, spoil: Any) -> None:
    path = workspace.root / "strange" / "checkpoints" / "best.pt"
    spoil(path)
    registry = ModelRegistry()
    with pytest.raises(EdmError) as raised:
        registry.register_model(model_path=path, model_name="Strange")
    assert raised.value.hint
    assert registry.client.search_registered_models() == []
    assert registry.client.search_logged_models(experiment_ids=[registry.experiment_id]) == []


def test_a_checkpoint_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(EdmError, match=r"nowhere\.pt"):
        ModelRegistry().register_model("nowhere.pt")


def test_pickles_that_run_code_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    import pickle

    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {marker}",))

    path = tmp_path / "best.pt"
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(TrainingError):
        ModelRegistry().register_model(path)
    assert not marker.exists()


def test_outside_a_workspace_mlflows_own_store_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.chdir(plain)
    registry = ModelRegistry(experiment_name="mine")
    assert registry.tracking_uri == f"sqlite:///{plain / 'mlflow.db'}"
    assert registry.client.get_experiment_by_name("mine").experiment_id == registry.experiment_id
    assert ModelRegistry(experiment_name="mine").experiment_id == registry.experiment_id


def test_a_tracking_uri_that_is_given_wins(workspace: Workspace, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    assert ModelRegistry(tracking_uri=uri).tracking_uri == uri
    assert (tmp_path / "other.db").exists()
