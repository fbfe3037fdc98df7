"""Evaluating a version now: its own checkpoint is scored, and the run folder stays as it was kept."""

import json
from pathlib import Path

import pytest

from edm_core.actions.evaluate_version import evaluate_version
from edm_core.actions.gates import tracks_of
from edm_core.actions.register import register
from edm_core.errors import ActionError
from edm_core.settings import load_settings
from edm_core.stores.models import list_versions
from edm_core.training.checkpoint import load_checkpoint, save_checkpoint
from edm_core.workspace import Workspace
from tests.support.registry import make_run, make_workspace
from tests.support.tracks import write_track

NAME = "EDMModel"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """v1 of a run that was not evaluated, and a data set of two tracks."""
    workspace = make_workspace(tmp_path / "work", 'gates = ["evaluated 2"]')
    row = make_run(workspace, "one", val_loss=0.5)
    path = workspace.run_folder("one") / "checkpoints" / "best.pt"
    checkpoint = load_checkpoint(path)
    checkpoint["config"]["annotations"] = "data/annotations"
    peaks = {"threshold": 0.5, "spacing": 4.0}
    save_checkpoint(path, checkpoint | {"peaks": peaks, "split": {"train": [], "val": []}})
    register(workspace, row)
    for number in (0, 1):
        write_track(workspace.root / "data", number)
    return workspace


def test_scores_are_noted_on_the_version_and_meet_the_gate(workspace: Workspace) -> None:
    (version,) = list_versions(workspace, NAME)
    assert tracks_of(workspace, version) == {}
    before = sorted(workspace.run_folder("one").rglob("*"))
    outcome = evaluate_version(workspace, version, "data/annotations")
    (version,) = list_versions(workspace, NAME)
    assert set(tracks_of(workspace, version)) == {"song_00", "song_01"} == set(outcome.data["tracks"])
    said = json.loads(version.tags["edm.metrics"])
    assert said["val_loss"] == 0.5
    assert "boundary_f1_05" in said
    assert sorted(workspace.run_folder("one").rglob("*")) == before


def test_a_checkpoint_that_is_not_the_registered_one_is_refused(workspace: Workspace) -> None:
    (stored,) = workspace.artifacts_dir.rglob("extra_files/best.pt")
    stored.write_bytes(b"another")
    with pytest.raises(ActionError, match="cannot be fetched"):
        evaluate_version(workspace, list_versions(workspace, NAME)[0], "data/annotations")


def test_checkpoints_of_the_users_own_loader_are_not_ours_to_score(workspace: Workspace) -> None:
    (workspace.root / "edm.toml").write_text('[registry]\nloader = "mine:load"\n')
    own = Workspace(workspace.root, load_settings(workspace.root, {}))
    with pytest.raises(ActionError, match="not evaluated here"):
        evaluate_version(own, list_versions(own, NAME)[0])
