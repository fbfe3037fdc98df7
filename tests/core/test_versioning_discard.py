"""Discard and its undo, metadata, notes, and the queue of undoable actions."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from edm_core.actions import trash
from edm_core.actions.discard import discard
from edm_core.actions.keep import keep
from edm_core.actions.metadata import edit_metadata, set_note
from edm_core.actions.undo import undo
from edm_core.errors import ActionError
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import data_states, trash_entries
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace
from tests.support.versioning import MadeRun, contents, edm, git, make_run, new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path)


def stage_of(workspace: Workspace, run: MadeRun) -> str:
    return str(mlflow_client(workspace).get_run(run.run_id).info.lifecycle_stage)


def test_discard_moves_the_folder_and_deletes_softly_and_undo_restores_both(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    before = contents(run.folder)
    outcome = discard(workspace, find_run(workspace, "cnn"))
    assert not run.folder.exists()
    assert stage_of(workspace, run) == "deleted"
    (entry,) = trash_entries(workspace)
    assert (entry.run_name, entry.run_id, entry.original) == ("cnn", run.run_id, "outputs/training/cnn")
    assert entry.bytes == sum(map(len, before.values())) == outcome.data["bytes"]
    undo(workspace)
    assert contents(run.folder) == before
    assert stage_of(workspace, run) == "active"
    assert trash_entries(workspace) == ()
    assert find_run(workspace, "cnn").data_state is DataState.UNTRACKED


def test_undo_brings_the_run_back_before_its_folder(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is back before its run would be a row of its own for as long as MLflow takes."""
    run = make_run(workspace, "cnn")
    discard(workspace, find_run(workspace, "cnn"))
    stages = []

    def move(source: Path, target: Path) -> None:
        stages.append(stage_of(workspace, run))
        source.rename(target)

    monkeypatch.setattr(trash, "move", move)
    undo(workspace)
    assert stages == ["active"]
    assert run.folder.is_dir()


def test_a_run_without_folder_and_a_folder_without_run(workspace: Workspace) -> None:
    bare = make_run(workspace, "bare")
    shutil.rmtree(bare.folder)
    discard(workspace, find_run(workspace, bare.run_id))
    assert stage_of(workspace, bare) == "deleted"
    undo(workspace)
    assert stage_of(workspace, bare) == "active"
    folder = workspace.run_folder("loose")
    folder.mkdir(parents=True)
    (folder / "a").write_text("a")
    discard(workspace, RunRow("", "loose", run_dir="outputs/training/loose", data_state=DataState.UNTRACKED))
    assert not folder.exists()
    undo(workspace)
    assert contents(folder) == {"a": b"a"}


def test_kept_and_registered_runs_must_be_named_twice(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    failed = edm(workspace.root, "discard", "cnn", rc=1)
    assert "run cnn is kept" in failed.stderr
    assert "--force --yes-really cnn" in failed.stderr
    assert "is kept" in edm(workspace.root, "discard", "cnn", "--force", rc=1).stderr
    assert run.folder.exists()
    done = edm(workspace.root, "discard", "cnn", "--force", "--yes-really", "cnn", "--json")
    assert json.loads(done.stdout)["run"] == "cnn"
    assert not run.folder.exists()
    assert (workspace.root / "outputs/training/cnn.dvc").exists()
    assert edm(workspace.root, "undo", "--dry-run").stdout == "would undo discard cnn\n"
    edm(workspace.root, "undo")
    assert data_states(workspace)["cnn"] is DataState.KEPT
    row = RunRow(run.run_id, "cnn", status="FINISHED", run_dir="outputs/training/cnn", model="v1 Staging")
    with pytest.raises(ActionError, match="registered as v1 Staging"):
        discard(workspace, row)


def test_a_running_run_is_refused(workspace: Workspace) -> None:
    run = make_run(workspace, "going", status="RUNNING")
    with pytest.raises(ActionError, match="is RUNNING"):
        discard(workspace, find_run(workspace, "going"))
    job = JobSnapshot("j1", "running", "t", ("true",), 0.0)
    row = RunRow(run.run_id, "going", status="FINISHED", run_dir="outputs/training/going", job=job)
    with pytest.raises(ActionError, match="job j1"):
        discard(workspace, row)
    assert run.folder.exists()
    # A foreign script's run names no process, so nobody can know that it died: whoever does says so twice.
    discard(workspace, find_run(workspace, "going"), asked_twice=True)
    assert not run.folder.exists()


def test_undo_does_not_overwrite_what_took_the_folders_place(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    before = contents(run.folder)
    discard(workspace, find_run(workspace, "cnn"))
    run.folder.mkdir()
    (run.folder / "new").write_text("new")
    with pytest.raises(ActionError, match="there again"):
        undo(workspace)
    shutil.rmtree(run.folder)
    undo(workspace)
    assert contents(run.folder) == before


def test_several_runs_are_a_transaction_each(workspace: Workspace) -> None:
    make_run(workspace, "one")
    make_run(workspace, "two", status="FAILED", seed=1)
    make_run(workspace, "three", seed=2)
    done = edm(workspace.root, "keep", "one", "two", "three", "nosuch", "--json", rc=1)
    document = json.loads(done.stdout)
    assert [run["run"] for run in document["runs"]] == ["one", "three"]
    assert [failed["run"] for failed in document["errors"]] == ["two", "nosuch"]
    assert "hint: edm keep two --partial" in done.stderr
    assert git(workspace.root, "log", "--format=%s").count("Keep run") == 2


def test_metadata_and_note_are_edited_and_undone(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    row = find_run(workspace, "cnn")
    path = run.folder / "metadata.yaml"
    before = path.read_text()
    edit_metadata(workspace, row, {"results.conclusion": "größer ist besser", "hypothesis": "h2"})
    document = yaml.safe_load(path.read_text())
    assert document["results"] == {"conclusion": "größer ist besser"}
    assert list(document) == ["run_name", "run_id", "hypothesis", "results"]
    set_note(workspace, row, "a note")
    assert find_run(workspace, "cnn").note == "a note"
    undo(workspace)
    assert find_run(workspace, "cnn").note == ""
    path.write_text(path.read_text() + "by_hand: 1\n")
    with pytest.raises(ActionError, match="changed since the edit"):
        undo(workspace)
    path.write_text(path.read_text().removesuffix("by_hand: 1\n"))
    undo(workspace)
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("a: [", {"hypothesis": "x"}, "is not YAML"),
        ("- a\n", {"hypothesis": "x"}, "not a mapping"),
        ("results: done\n", {"results.actual": "x"}, "results holds a value"),
        ("", {"run_id": "x"}, "not for editing"),
        ("", {"a..b": "x"}, "is no key"),
    ],
)
def test_metadata_at_fault_is_named_and_left_alone(
    workspace: Workspace, text: str, changes: dict[str, str], message: str
) -> None:
    folder = workspace.run_folder("loose")
    folder.mkdir(parents=True)
    (folder / "metadata.yaml").write_text(text)
    row = RunRow("", "loose", run_dir="outputs/training/loose")
    with pytest.raises(ActionError, match=message):
        edit_metadata(workspace, row, changes)
    assert (folder / "metadata.yaml").read_text() == text
