"""Versions compared: what was recorded with each, also where both are of one run, or the run is gone."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edm_core.actions.model_facts import package_of
from edm_core.actions.promote import promote
from edm_core.actions.register import register
from edm_core.cli.main import edm
from edm_core.diff.document import document, from_document
from edm_core.diff.versions import diff_versions
from edm_core.snapshots.diff import DiffEntry, RunDiff
from edm_core.snapshots.models import ModelVersion
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace
from tests.support.registry import make_run, make_workspace, save_checkpoint_file


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """v1 and v2 of one run with another checkpoint each."""
    workspace = make_workspace(tmp_path / "work")
    row = make_run(workspace, "run1", seed=1, val_loss=0.5, only_here=1.0)
    register(workspace, row)
    save_checkpoint_file(workspace.run_folder("run1") / "checkpoints/last.pt", 2, val_loss=0.4)
    register(workspace, row, checkpoint="checkpoints/last.pt", metadata={"why": "later"})
    promote(workspace, "EDMModel", 1, "Production")
    return workspace


def differing(diff: RunDiff, section: str) -> dict[str, DiffEntry]:
    return {entry.key: entry for entry in diff.sections[section] if not entry.same}


def test_two_versions_of_one_run_differ_in_what_was_recorded_with_them(workspace: Workspace) -> None:
    second, first = list_versions(workspace, "EDMModel")
    diff = diff_versions(workspace, [first, second], packages=[package_of(workspace, one) for one in (first, second)])
    assert diff.names == ("v1 run1", "v2 run1")
    facts = differing(diff, "version")
    assert facts["stage"].values == ("Production", "None")
    assert facts["checkpoint"].values == (first.tags["edm.checkpoint_md5"], second.tags["edm.checkpoint_md5"])
    assert facts["tag why"].values == (None, "later")
    assert "inputs" not in facts
    assert any(entry.key == "inputs" and "(-1, -1, 40)" in entry.values[0] for entry in diff.sections["version"])
    (loss,) = differing(diff, "recorded").values()
    assert (loss.key, loss.values, loss.verdicts) == ("val_loss", (0.5, 0.4), ("", "better"))
    assert not differing(diff, "params")


def test_a_version_whose_run_or_stored_model_is_gone_is_still_compared(workspace: Workspace) -> None:
    second, first = list_versions(workspace, "EDMModel")
    mlflow_client(workspace).delete_run(first.run_id)
    gone = ModelVersion("Other", 7, run_id="f" * 32, tags={"edm.metrics": '{"val_loss": NaN}'})
    diff = diff_versions(workspace, [second, gone], packages=[package_of(workspace, one) for one in (second, gone)])
    assert diff.names == ("EDMModel v2 run1", "Other v7 ffffffff")
    assert "Other v7 ffffffff is not in MLflow any more" in diff.notes["params"]
    assert "its stored model cannot be read" in diff.notes["version"]
    # What one process tells another is the same, NaN included.
    again = from_document(json.loads(json.dumps(document(diff, True)).replace("NaN", '"nan"')))
    assert str(again) == str(diff)


def test_the_command_compares_one_alone_with_production(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    for words in (["2"], ["1", "2"]):
        done = CliRunner().invoke(edm, ["models", "diff", *words, "--json"])
        found = json.loads(done.stdout)
        assert found["runs"] == ["v1 run1", "v2 run1"]
        assert found["recorded"]["val_loss"]["values"] == [0.5, 0.4]
        assert "params" in found
    done = CliRunner().invoke(edm, ["models", "diff", "1"])
    assert (done.exit_code, "no other version" in str(done.exception)) == (1, True)
