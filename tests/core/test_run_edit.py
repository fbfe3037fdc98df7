"""Names, tags, deletion and restoration in MLflow, each with a way back; on real git, DVC and MLflow."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edm_core.actions import run_edit
from edm_core.actions.discard import discard
from edm_core.actions.doctor import examine
from edm_core.actions.run_delete import delete_runs, restore_runs
from edm_core.actions.run_edit import edit_runs
from edm_core.actions.undo import undo
from edm_core.cli.main import edm as cli
from edm_core.commandlog import read_commands
from edm_core.errors import ActionError, EdmError, NotFoundError, RunNameError
from edm_core.journal import Journal
from edm_core.stores.deleted import deleted_runs
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.runs import find_run, load_runs
from edm_core.workspace import Workspace
from tests.support.versioning import make_run, new_workspace


def tags(workspace: Workspace, run_id: str) -> dict[str, str]:
    return dict(mlflow_client(workspace).get_run(run_id).data.tags)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path)


def test_a_batch_of_tags_is_one_action_with_one_undo(workspace: Workspace) -> None:
    runs = [make_run(workspace, name, seed=seed) for seed, name in enumerate(("a", "b"))]
    client = mlflow_client(workspace)
    client.set_tag(runs[0].run_id, "kind", "old")
    client.set_tag(runs[1].run_id, "draft", "1")
    rows = [find_run(workspace, name) for name in ("a", "b")]
    outcome = edit_runs(workspace, rows, {"kind": "baseline", "draft": None})
    assert outcome.title == "edited 2 runs"
    assert [tags(workspace, run.run_id).get("kind") for run in runs] == ["baseline", "baseline"]
    assert "draft" not in tags(workspace, runs[1].run_id)
    assert any("set_tag" in one.command for one in read_commands(workspace.command_log_path))
    undo(workspace)
    assert [tags(workspace, run.run_id).get("kind") for run in runs] == ["old", None]
    assert tags(workspace, runs[1].run_id)["draft"] == "1"


def test_a_renamed_run_and_its_folder_still_find_each_other(workspace: Workspace) -> None:
    made = make_run(workspace, "before")
    row = find_run(workspace, "before")
    (workspace.root / row.run_dir / "metadata.yaml").write_text("hypothesis: h\n")
    client = mlflow_client(workspace)
    if "edm.run_dir" in tags(workspace, made.run_id):
        client.delete_tag(made.run_id, "edm.run_dir")
    edit_runs(workspace, [find_run(workspace, made.run_id)], {}, "after")
    found = find_run(workspace, "after")
    assert (found.run_id, found.run_dir) == (made.run_id, row.run_dir)
    undo(workspace)
    assert find_run(workspace, made.run_id).name == "before"
    assert "edm.run_dir" not in tags(workspace, made.run_id)


def test_what_cannot_be_edited_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    make_run(workspace, "a")
    make_run(workspace, "b", seed=1)
    row = find_run(workspace, "a")
    before = tags(workspace, row.run_id)
    for name in ("b", "../b", "", "-x"):
        with pytest.raises(RunNameError):
            edit_runs(workspace, [row], {"kind": "x"}, name)
    for key in ("edm.run_dir", "mlflow.runName", " "):
        with pytest.raises(ActionError, match="not for editing"):
            edit_runs(workspace, [row], {key: "x"})
    with pytest.raises(ActionError, match="one name"):
        edit_runs(workspace, [row, find_run(workspace, "b")], {}, "c")
    with pytest.raises(EdmError):
        edit_runs(workspace, [row], {"kind": "x", "a\nb": "refused by MLflow"})
    assert tags(workspace, row.run_id) == before
    assert Journal(workspace).last_undoable() is None


def test_an_edit_that_died_is_taken_back_by_doctor(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [make_run(workspace, name, seed=seed) for seed, name in enumerate(("a", "b"))]
    rows = [find_run(workspace, name) for name in ("a", "b")]
    real = run_edit._set

    class Died(BaseException):
        """As a kill: nothing after it is done."""

    def set_one(workspace: Workspace, client: object, run_id: str, values: object) -> None:
        if run_id == made[1].run_id:
            raise Died
        real(workspace, client, run_id, values)  # type: ignore[arg-type]

    monkeypatch.setattr(run_edit, "_set", set_one)
    monkeypatch.setattr(run_edit, "_set_back", lambda *_: (_ for _ in ()).throw(Died))
    with pytest.raises(Died):
        edit_runs(workspace, rows, {"kind": "x"})
    monkeypatch.undo()
    assert tags(workspace, made[0].run_id)["kind"] == "x"
    (entry,) = [one for one in Journal(workspace).entries() if one.verb == "edit"]
    assert entry.state == "open"
    assert run_edit.recover_edit(workspace, entry)
    assert "kind" not in tags(workspace, made[0].run_id)
    assert not Journal(workspace).unfinished()
    assert not [one for one in examine(workspace).findings if one.check == "unfinished"]


def test_deleted_runs_are_listed_restored_and_both_are_undone(workspace: Workspace) -> None:
    made = [make_run(workspace, name, seed=seed) for seed, name in enumerate(("one", "two"))]
    folder = workspace.runs_dir / "one"
    delete_runs(workspace, [find_run(workspace, name) for name in ("one", "two")])
    assert folder.is_dir()
    assert {row.name for row in deleted_runs(workspace)} == {"one", "two"}
    assert made[0].run_id not in {row.run_id for row in load_runs(workspace).rows}
    undo(workspace)
    assert deleted_runs(workspace) == []
    delete_runs(workspace, [find_run(workspace, "one")])
    with pytest.raises(NotFoundError, match="no deleted run is called 'two'"):
        restore_runs(workspace, ["two"])
    restore_runs(workspace, ["one"])
    assert find_run(workspace, "one").run_id == made[0].run_id
    undo(workspace)
    assert [row.run_id for row in deleted_runs(workspace)] == [made[0].run_id]


def test_a_discarded_run_is_brought_back_from_the_trash(workspace: Workspace) -> None:
    make_run(workspace, "a")
    discard(workspace, find_run(workspace, "a"))
    with pytest.raises(ActionError, match="lies in the trash"):
        restore_runs(workspace, ["a"])


def test_a_run_that_goes_on_is_not_deleted(workspace: Workspace) -> None:
    make_run(workspace, "busy", status="RUNNING")
    with pytest.raises(ActionError, match="RUNNING"):
        delete_runs(workspace, [find_run(workspace, "busy")])


def test_the_verbs_by_command_line(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)

    def call(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli, ["runs", *words])
        assert done.exit_code == status, done.output
        return done.output

    make_run(workspace, "a")
    make_run(workspace, "b", seed=1)
    call("rename", "a", "steady")
    call("tag", "steady", "b", "--set", "kind=x=y", "--set", "empty=")
    call("edit", "steady", "--note", "n", "--untag", "kind", "--set", "hypothesis=h")
    runs = {run["name"]: run for run in json.loads(call("list", "--json"))["runs"]}
    assert runs["b"]["tags"]["kind"] == "x=y"
    assert runs["b"]["tags"]["empty"] == ""
    assert "kind" not in runs["steady"]["tags"]
    assert runs["steady"]["note"] == "n"
    call("delete", "b")
    assert [run["name"] for run in json.loads(call("list", "--deleted", "--json"))["runs"]] == ["b"]
    call("restore", "b")
    assert json.loads(call("list", "--deleted", "--json")) == {"runs": []}
    call("tag", "b", status=2)
    call("edit", "b", "steady", "--name", "x", status=2)
    call("list", "--deleted", "--filter", "params.a = '1'", status=2)
