"""Register: what a version carries, other people's models, the graph format, undo, and what leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.actions.load_check import loads
from edm_core.actions.promote import promote
from edm_core.actions.register import md5_of, mend_register, register, undo_register
from edm_core.errors import ActionError, EdmError
from edm_core.journal import Journal
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace
from tests.support.registry import COMMIT, make_run, make_workspace, write_tracks

NAME = "EDMModel"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "work")


def test_a_version_carries_lineage_signature_and_example(workspace: Workspace) -> None:
    row = make_run(workspace, "one", tags={"edm.kept": "abc.dir"}, val_loss=0.5, boundary_f1=0.7)
    write_tracks(workspace, "one", {"track_001": 0.9})
    outcome = register(workspace, row)
    assert outcome.data["version"] == 1
    (version,) = list_versions(workspace, NAME)
    assert version.run_id == row.run_id
    assert version.tags["edm.kept"] == "abc.dir"
    assert version.tags["mlflow.source.git.commit"] == COMMIT
    assert version.tags["edm.checkpoint_md5"] == md5_of(workspace.root / row.run_dir / "checkpoints/best.pt")
    assert json.loads(version.tags["edm.metrics"]) == {"boundary_f1": 0.7, "val_loss": 0.5}
    assert json.loads(version.tags["edm.tracks"]) == {"track_001": 0.9}

    from mlflow.models import get_model_info

    info = get_model_info(f"models:/{NAME}/1")
    assert info.signature.inputs.inputs[0].shape == (-1, -1, 40)
    assert {spec.name for spec in info.signature.outputs.inputs} == {"boundary", "energy", "beat"}
    assert info.saved_input_example_info is not None


def test_registering_again_makes_the_next_version(workspace: Workspace) -> None:
    row = make_run(workspace, "one")
    register(workspace, row)
    assert register(workspace, row).data["version"] == 2


def test_a_run_without_a_checkpoint_is_told_where_it_may_be(workspace: Workspace) -> None:
    row = make_run(workspace, "one")
    (workspace.root / row.run_dir / "checkpoints/best.pt").unlink()
    with pytest.raises(ActionError, match=r"best\.pt is not there") as raised:
        register(workspace, row)
    assert "edm pull one" in raised.value.hint


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a@b", "a\nb", "a?b", "a#b"])
def test_a_name_that_no_address_could_hold_is_refused(workspace: Workspace, name: str) -> None:
    row = make_run(workspace, "one")
    with pytest.raises(ActionError, match="cannot name a model"):
        register(workspace, row, model_name=name or " ")
    assert list_versions(workspace) == ()


def test_undo_deletes_the_version_and_the_model_that_was_made_for_it(workspace: Workspace) -> None:
    row = make_run(workspace, "one")
    register(workspace, row)
    entry = Journal(workspace).last_undoable()
    assert entry is not None
    undo_register(workspace, entry)
    undo_register(workspace, entry)
    assert mlflow_client(workspace).search_registered_models() == []


def test_undo_is_refused_once_it_is_in_a_stage(workspace: Workspace) -> None:
    row = make_run(workspace, "one")
    register(workspace, row)
    entry = Journal(workspace).last_undoable()
    promote(workspace, NAME, 1, "Staging")
    assert entry is not None
    with pytest.raises(ActionError, match="promoted since"):
        undo_register(workspace, entry)
    assert len(list_versions(workspace, NAME)) == 1


def test_an_interrupted_registration_leaves_no_empty_model(workspace: Workspace) -> None:
    journal = Journal(workspace)
    entry = journal.begin("register", "one", model=NAME)
    mlflow_client(workspace).create_registered_model(NAME)
    mend_register(workspace, entry)
    assert mlflow_client(workspace).search_registered_models() == []
    assert journal.entry(entry.id).state == "failed"  # type: ignore[union-attr]


def test_a_graph_without_code_loads_and_takes_any_length(workspace: Workspace) -> None:
    import mlflow.pytorch
    import torch

    row = make_run(workspace, "one")
    register(workspace, row, format="pt2")
    network = mlflow.pytorch.load_model(f"models:/{NAME}/1")
    assert network(torch.zeros(1, 77, 40))["boundary"].shape == (1, 77)


_LOADER = """
import torch
from torch import nn
class Double(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
    def forward(self, x):
        return x * self.factor
def load(path):
    return Double(torch.load(path, weights_only=True)["factor"]), torch.ones(2, 3)
def broken(path):
    raise KeyError("factor")
def wrong(path):
    return 3
"""


def _own_model(root: Path, function: str) -> tuple[Workspace, Path]:
    import torch

    workspace = make_workspace(root, f'loader = "theirs:{function}"')
    (root / "theirs.py").write_text(_LOADER)
    row_dir = root / "outputs/training/mine/checkpoints"
    row_dir.mkdir(parents=True)
    torch.save({"factor": 2.5}, row_dir / "best.pt")
    return workspace, row_dir / "best.pt"


def test_a_checkpoint_of_ones_own_is_loaded_by_ones_own_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edm_core.registry import ModelRegistry

    workspace, path = _own_model(tmp_path / "work", "load")
    monkeypatch.chdir(workspace.root)
    version = ModelRegistry().register_model(path, metadata={"kind": "double"})
    assert version.tags["kind"] == "double"
    assert loads(workspace, version) == (True, "loads and predicts")
    code = (
        "import warnings; warnings.simplefilter('ignore'); import mlflow.pytorch, torch, os;"
        f"mlflow.set_tracking_uri('{workspace.tracking_uri}');"
        "print(mlflow.pytorch.load_model('models:/EDMModel/1')(torch.ones(2)).tolist())"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[2.5, 2.5]", done.stderr


@pytest.mark.parametrize(
    ("function", "told"),
    [("broken", "KeyError"), ("wrong", "not a torch module"), ("absent", "no function 'absent'")],
)
def test_what_a_loader_does_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, told: str
) -> None:
    from edm_core.registry import ModelRegistry

    workspace, path = _own_model(tmp_path / "work", function)
    monkeypatch.chdir(workspace.root)
    with pytest.raises(EdmError, match=told):
        ModelRegistry().register_model(path)
    assert list_versions(workspace) == ()
