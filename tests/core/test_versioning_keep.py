"""Keep and its undo: exactly two files are committed, everything else stays, and nothing is ever half done."""

from pathlib import Path

import pytest
import torch
import yaml

from edm_core.actions.keep import keep
from edm_core.actions.push_history import older_versions
from edm_core.actions.undo import undo
from edm_core.actions.versions import restore_version, versions_of
from edm_core.errors import ActionError, EdmError, NotFoundError
from edm_core.journal import Journal
from edm_core.stores.data_states import data_states, pointer, trash_entries
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace
from tests.support.versioning import contents, dvc, git, make_run, new_workspace

RUNS = "outputs/training"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path)


def tags_of(workspace: Workspace, run_id: str) -> dict[str, str]:
    return dict(mlflow_client(workspace).get_run(run_id).data.tags)


def commit_count(workspace: Workspace) -> int:
    return int(git(workspace.root, "rev-list", "--count", "HEAD"))


def test_keep_commits_exactly_two_files_and_tags_the_run(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    root = workspace.root
    (root / "staged.txt").write_text("mine\n")
    git(root, "add", "staged.txt")
    (root / "README").write_text("changed, not staged\n")
    before = contents(run.folder)
    outcome = keep(workspace, find_run(workspace, "cnn"))
    assert git(root, "show", "--name-only", "--format=%s").splitlines() == [
        "Keep run cnn: val_loss 0.3 (best 0.2 at 2), boundary_f1 0.7 (best 0.8 at 2)",
        "",
        f"{RUNS}/.gitignore",
        f"{RUNS}/cnn.dvc",
    ]
    assert git(root, "diff", "--cached", "--name-only") == "staged.txt"
    assert git(root, "diff", "--name-only") == "README"
    assert contents(run.folder) == before
    kept = pointer(root / RUNS / "cnn.dvc")
    assert kept.meta["run_id"] == run.run_id
    assert kept.meta["metrics"]["val_loss"] == pytest.approx(0.3)
    assert kept.meta["params"] == {"learning_rate": "0.001"}
    tags = tags_of(workspace, run.run_id)
    assert tags["edm.kept"] == kept.hash == outcome.data["kept"]
    assert tags["edm.kept_commit"] == git(root, "rev-parse", "HEAD") == outcome.data["commit"]
    assert data_states(workspace)["cnn"].word == "kept"
    assert dvc(root, "status", "--json") == "{}"
    assert Journal(workspace).unfinished() == []


def test_kept_already_is_said_and_changes_nothing(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    count = commit_count(workspace)
    again = keep(workspace, find_run(workspace, "cnn"))
    assert again.title == "cnn is kept already, unchanged"
    (workspace.edm_dir / "kept" / "cnn.json").unlink()
    (workspace.run_folder("cnn") / "config.yaml").touch()
    assert keep(workspace, find_run(workspace, "cnn")).data["changed"] is False
    assert commit_count(workspace) == count
    assert git(workspace.root, "status", "--porcelain") == ""


def test_keeping_again_makes_a_new_version_and_undo_goes_back_one(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    first = keep(workspace, find_run(workspace, "cnn")).data["kept"]
    (run.folder / "notes.txt").write_text("later\n")
    second = keep(workspace, find_run(workspace, "cnn")).data["kept"]
    assert first != second
    assert git(workspace.root, "log", "--format=%H", "--", f"{RUNS}/cnn.dvc").count("\n") == 1
    undo(workspace)
    assert pointer(workspace.root / RUNS / "cnn.dvc").hash == first
    assert tags_of(workspace, run.run_id)["edm.kept"] == first
    assert data_states(workspace)["cnn"].word == "changed"
    assert (run.folder / "notes.txt").read_text() == "later\n"
    undo(workspace)
    assert not (workspace.root / RUNS / "cnn.dvc").exists()
    assert data_states(workspace)["cnn"].word == "untracked"
    assert git(workspace.root, "status", "--porcelain") == ""
    with pytest.raises(ActionError, match="nothing to undo"):
        undo(workspace)


def test_undo_is_a_new_commit_of_the_same_two_files(workspace: Workspace) -> None:
    make_run(workspace, "one")
    run = make_run(workspace, "two", seed=1)
    keep(workspace, find_run(workspace, "one"))
    count = commit_count(workspace)
    keep(workspace, find_run(workspace, "two"))
    (workspace.root / "staged.txt").write_text("mine\n")
    git(workspace.root, "add", "staged.txt")
    undo(workspace)
    assert commit_count(workspace) == count + 2
    assert git(workspace.root, "diff", "--cached", "--name-only") == "staged.txt"
    assert git(workspace.root, "show", "--name-only", "--format=%s").splitlines()[2:] == [
        f"{RUNS}/.gitignore",
        f"{RUNS}/two.dvc",
    ]
    assert (workspace.root / RUNS / ".gitignore").read_text() == "/one\n"
    assert "edm.kept" not in tags_of(workspace, run.run_id)
    assert data_states(workspace)["one"].word == "kept"


def test_excluded_files_go_to_the_trash_and_come_back_with_undo(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    (run.folder / "checkpoints" / "epoch_1.pt").write_bytes(b"big")
    before = contents(run.folder)
    outcome = keep(workspace, find_run(workspace, "cnn"))
    assert outcome.data["left_out"] == ["checkpoints/epoch_1.pt"]
    assert "checkpoints/epoch_1.pt" not in contents(run.folder)
    assert trash_entries(workspace) == (), "a file that was left out is no discarded run"
    assert b"big" in contents(workspace.trash_dir).values()
    undo(workspace)
    assert contents(run.folder) == before
    assert list(workspace.trash_dir.iterdir()) == []


@pytest.mark.parametrize("kept_before", [False, True])
def test_a_failing_hook_undoes_the_step_and_says_so(workspace: Workspace, kept_before: bool) -> None:
    run = make_run(workspace, "cnn")
    if kept_before:
        keep(workspace, find_run(workspace, "cnn"))
        (run.folder / "more.txt").write_text("more")
    (run.folder / "checkpoints" / "epoch_1.pt").write_bytes(b"big")
    (workspace.root / "staged.txt").write_text("mine\n")
    git(workspace.root, "add", "staged.txt")
    hook = workspace.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no commits on Monday' >&2\nexit 1\n")
    hook.chmod(0o755)
    status, folder = git(workspace.root, "status", "--porcelain"), contents(run.folder)
    pointers = {p.name: p.read_text() for p in (workspace.root / RUNS).iterdir() if p.is_file()}
    with pytest.raises(ActionError, match="no commits on Monday") as error:
        keep(workspace, find_run(workspace, "cnn"))
    assert "hook" in error.value.hint
    assert git(workspace.root, "status", "--porcelain") == status
    assert contents(run.folder) == folder
    assert {p.name: p.read_text() for p in (workspace.root / RUNS).iterdir() if p.is_file()} == pointers
    assert Journal(workspace).unfinished() == []
    hook.unlink()
    assert keep(workspace, find_run(workspace, "cnn")).data["changed"]


def test_a_missing_identity_is_told_before_anything_is_done(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(workspace, "cnn")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(workspace.root, "config", "--unset", "user.email")
    git(workspace.root, "config", "--unset", "user.name")
    git(workspace.root, "config", "user.useConfigOnly", "true")
    with pytest.raises(ActionError, match="does not know who you are") as error:
        keep(workspace, find_run(workspace, "cnn"))
    assert "git config user.email" in error.value.hint
    assert not (workspace.root / RUNS / "cnn.dvc").exists()
    assert Journal(workspace).entries() == []


def test_a_best_checkpoint_that_does_not_load_is_refused_and_changed_back(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    (run.folder / "checkpoints" / "best.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ActionError, match=r"best\.pt does not load"):
        keep(workspace, find_run(workspace, "cnn"))
    assert git(workspace.root, "status", "--porcelain") == ""
    assert not (workspace.root / RUNS / "cnn.dvc").exists()
    (run.folder / "checkpoints" / "best.pt").unlink()
    with pytest.raises(ActionError, match=r"best\.pt is missing"):
        keep(workspace, find_run(workspace, "cnn"))
    assert keep(workspace, find_run(workspace, "cnn"), partial=True).data["changed"]


def test_what_did_not_finish_must_be_asked_for(workspace: Workspace) -> None:
    make_run(workspace, "died", status="FAILED")
    with pytest.raises(ActionError, match="did not finish: FAILED") as error:
        keep(workspace, find_run(workspace, "died"))
    assert error.value.hint == "edm keep died --partial"
    assert keep(workspace, find_run(workspace, "died"), partial=True).data["changed"]
    make_run(workspace, "going", status="RUNNING", seed=2)
    with pytest.raises(ActionError, match="is RUNNING"):
        keep(workspace, find_run(workspace, "going"))


def test_a_rebase_under_way_and_a_detached_head_are_refused(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    (workspace.root / ".git" / "MERGE_HEAD").write_text(git(workspace.root, "rev-parse", "HEAD") + "\n")
    with pytest.raises(ActionError, match="a merge is under way"):
        keep(workspace, find_run(workspace, "cnn"))
    (workspace.root / ".git" / "MERGE_HEAD").unlink()
    git(workspace.root, "checkout", "-q", "--detach")
    with pytest.raises(ActionError, match="HEAD is detached"):
        keep(workspace, find_run(workspace, "cnn"))


def test_a_rule_that_hides_the_pointer_is_named(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    with (workspace.root / ".gitignore").open("a") as file:
        file.write("*.dvc\n")
    with pytest.raises(EdmError, match=r"is git-ignored"):
        keep(workspace, find_run(workspace, "cnn"))
    assert not (workspace.root / RUNS / "cnn.dvc").exists()
    assert Journal(workspace).unfinished() == []


def test_names_that_look_like_patterns_are_names(workspace: Workspace) -> None:
    name = "größe [a] 1*"
    run = make_run(workspace, name)
    make_run(workspace, "größe a 1x", seed=1)
    (workspace.root / "staged.txt").write_text("mine\n")
    git(workspace.root, "add", "staged.txt")
    hook = workspace.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ActionError):
        keep(workspace, find_run(workspace, run.run_id))
    assert git(workspace.root, "status", "--porcelain") == "A  staged.txt"
    hook.unlink()
    outcome = keep(workspace, find_run(workspace, run.run_id))
    assert git(workspace.root, "diff", "--cached", "--name-only") == "staged.txt"
    assert older_versions(workspace) == []
    git(workspace.root, "remote", "add", "origin", str(workspace.root))
    (workspace.root / RUNS / f"{name}.dvc").rename(workspace.root / "away")
    assert older_versions(workspace) == [outcome.data["kept"]]
    (workspace.root / "away").rename(workspace.root / RUNS / f"{name}.dvc")
    undo(workspace)
    assert git(workspace.root, "status", "--porcelain") == "A  staged.txt"
    assert not (workspace.root / RUNS / ".gitignore").exists()


def test_an_older_version_is_put_back_and_undone(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    first = contents(run.folder)
    (run.folder / "config.yaml").write_text("second: 1\n")
    (run.folder / "notes.txt").write_text("later\n")
    keep(workspace, find_run(workspace, "cnn"))
    second = contents(run.folder)
    newest, oldest = versions_of(workspace, find_run(workspace, "cnn"))
    assert (newest.current, oldest.current) == (True, False)
    (run.folder / "unkept.txt").write_text("mine\n")
    with pytest.raises(ActionError, match="not kept"):
        restore_version(workspace, find_run(workspace, "cnn"), oldest.hash[:8])
    (run.folder / "unkept.txt").unlink()
    restore_version(workspace, find_run(workspace, "cnn"), oldest.hash[:8])
    assert contents(run.folder) == first
    assert tags_of(workspace, run.run_id)["edm.kept"] == oldest.hash
    assert git(workspace.root, "status", "--porcelain") == ""
    undo(workspace)
    assert contents(run.folder) == second
    assert data_states(workspace)["cnn"].word == "kept"
    with pytest.raises(NotFoundError, match="no version"):
        restore_version(workspace, find_run(workspace, "cnn"), "ffffffffff")


def test_the_users_own_meta_in_the_pointer_stays(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    path = workspace.root / RUNS / "cnn.dvc"
    document = yaml.safe_load(path.read_text())
    document["meta"]["owner"] = "me"
    document["desc"] = "the good one"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    git(workspace.root, "commit", "-q", "-am", "Say whose it is")
    torch.save({"a": torch.zeros(3)}, run.folder / "checkpoints" / "best.pt")
    keep(workspace, find_run(workspace, "cnn"))
    document = yaml.safe_load(path.read_text())
    assert document["meta"]["owner"] == "me"
    assert document["desc"] == "the good one"
    assert document["meta"]["run_id"] == run.run_id
