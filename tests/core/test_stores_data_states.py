"""Data states against folders that DVC itself added."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.dvcrepo import DvcRepo
from edm_core.errors import StoreError
from edm_core.settings import load_settings
from edm_core.snapshots.runs import DataState
from edm_core.stores import kept_files
from edm_core.stores.data_states import (
    data_states,
    pointer,
    remember_kept,
    run_folders,
    trash_entries,
)
from edm_core.stores.dvc_pointer import cache_root, cached_files, read_pointer
from edm_core.stores.pushed import ever_pushed_to, forget_pushed, pushed_remotes, remember_pushed
from edm_core.stores.runs import change_token
from edm_core.workspace import Workspace

IGNORE = "/outputs/**\n!/outputs/**/\n!/outputs/**/*.dvc\n!/outputs/**/.gitignore\n/.edm/\n"


def dvc(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, check=True, capture_output=True)


def write_run(workspace: Workspace, name: str, weight: int = 1000) -> Path:
    folder = workspace.runs_dir / name
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.pt").write_bytes(os.urandom(weight))
    (folder / "metadata.yaml").write_text(f"run_name: {name}\n")
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace where DVC added two runs, `first` and `second`."""
    root = tmp_path_factory.mktemp("states") / "ws"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    (root / ".gitignore").write_text(IGNORE)
    (root / "edm.toml").touch()
    dvc(root, "init", "-q")
    workspace = Workspace(root, load_settings(root, {}))
    for name in ("first", "second"):
        write_run(workspace, name)
    dvc(root, "add", "-q", "outputs/training/first", "outputs/training/second")
    return workspace


@pytest.fixture
def workspace(kept: Workspace, tmp_path: Path) -> Workspace:
    root = tmp_path / "ws"
    shutil.copytree(kept.root, root, symlinks=True)
    return Workspace(root, kept.settings)


def state(workspace: Workspace, name: str = "first") -> DataState:
    return data_states(workspace)[name]


def remembered(workspace: Workspace, name: str = "first") -> None:
    target = pointer(workspace.runs_dir / f"{name}.dvc")
    remember_kept(workspace, workspace.runs_dir / name, target.hash)


def test_the_pointer_is_read_exactly_and_by_yaml_alike(workspace: Workspace) -> None:
    path = workspace.runs_dir / "first.dvc"
    exact = pointer(path)
    assert exact.hash.endswith(".dir")
    assert (exact.nfiles, exact.path) == (2, "first")
    assert exact.size == 1000 + len("run_name: first\n")
    path.write_text("# a comment\n" + path.read_text() + "meta:\n  run_id: abc\n  metrics:\n    val_loss: 0.5\n")
    by_yaml = read_pointer(path)
    assert (by_yaml.hash, by_yaml.size, by_yaml.nfiles, by_yaml.path) == (exact.hash, exact.size, 2, "first")
    assert by_yaml.meta == {"run_id": "abc", "metrics": {"val_loss": 0.5}}


@pytest.mark.parametrize("text", ["", "outs:\n", "outs: 5\n", "outs:\n- path: x\n", "[", "outs:\n- md5: a\n- md5: b\n"])
def test_what_is_no_pointer_is_named(workspace: Workspace, text: str) -> None:
    path = workspace.runs_dir / "first.dvc"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"first\.dvc"):
        pointer(path)
    folder = run_folders(workspace)["first"]
    assert folder.state is DataState.CHANGED
    assert "first.dvc" in folder.problem


def test_a_pointer_that_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(StoreError, match=r"nothing\.dvc"):
        pointer(workspace.runs_dir / "nothing.dvc")


def test_states_from_disk(workspace: Workspace) -> None:
    write_run(workspace, "new")
    shutil.rmtree(workspace.runs_dir / "second")
    remembered(workspace)
    assert data_states(workspace) == {
        "first": DataState.KEPT, "new": DataState.UNTRACKED, "second": DataState.MISSING,
    }  # fmt: skip
    (workspace.runs_dir / "second").mkdir()
    assert state(workspace, "second") is DataState.MISSING


def test_no_folder_of_runs_yet(workspace: Workspace) -> None:
    shutil.rmtree(workspace.runs_dir)
    assert data_states(workspace) == {}


@pytest.mark.parametrize("known", [True, False])
def test_changes_are_seen_with_and_without_a_record(workspace: Workspace, known: bool) -> None:
    folder = workspace.runs_dir / "first"
    if known:
        remembered(workspace)
    assert state(workspace) is DataState.KEPT
    metadata = folder / "metadata.yaml"
    was = metadata.read_text()
    metadata.write_text(was.upper())
    assert state(workspace) is DataState.CHANGED, "same size, other content"
    metadata.write_text(was)
    assert state(workspace) is DataState.KEPT, "touched, but what was kept"
    (folder / "extra").touch()
    assert state(workspace) is DataState.CHANGED
    (folder / "extra").unlink()
    metadata.rename(folder / "renamed.yaml")
    assert state(workspace) is DataState.CHANGED


@pytest.mark.parametrize("change", ["none", "touched", "edited", "added", "removed"])
def test_dvc_status_says_the_same(workspace: Workspace, change: str) -> None:
    remembered(workspace)
    metadata = workspace.runs_dir / "first" / "metadata.yaml"
    if change == "touched":
        os.utime(metadata)
    elif change == "edited":
        metadata.write_text(metadata.read_text().upper())
    elif change == "added":
        (metadata.parent / "extra").touch()
    elif change == "removed":
        metadata.unlink()
    command = [sys.executable, "-m", "dvc", "status", "--json", "outputs/training/first.dvc"]
    said = subprocess.run(command, cwd=workspace.root, check=True, capture_output=True, text=True).stdout
    assert (state(workspace) is DataState.CHANGED) == bool(json.loads(said))


def test_a_name_that_is_no_utf8_is_left_out(workspace: Workspace) -> None:
    os.mkdir(os.fsencode(workspace.runs_dir) + b"/bad\xff")  # noqa: PTH102
    write_run(workspace, "größe")
    assert set(data_states(workspace)) == {"first", "second", "größe"}


def test_a_pulled_run_is_hashed_once_and_remembered(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state(workspace) is DataState.KEPT
    record = json.loads((kept_files.kept_dir(workspace) / "first.json").read_bytes())
    assert record["hash"] == pointer(workspace.runs_dir / "first.dvc").hash

    def never(path: Path) -> str:
        raise AssertionError(f"{path} was hashed again")

    monkeypatch.setattr(kept_files, "_md5", never)
    assert state(workspace) is DataState.KEPT


def test_large_files_are_not_hashed_while_a_table_loads(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "HASH_BYTES", 10)
    assert state(workspace) is DataState.KEPT, "pulled: names and sizes agree"
    remembered(workspace)
    os.utime(workspace.runs_dir / "first" / "checkpoints" / "best.pt")
    assert state(workspace) is DataState.CHANGED, "touched since it was kept: assumed changed"


def test_an_empty_cache_leaves_size_and_number_of_files(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / ".dvc" / "cache")
    assert state(workspace) is DataState.KEPT
    (workspace.runs_dir / "first" / "metadata.yaml").write_text("longer than it was before\n")
    assert state(workspace) is DataState.CHANGED


def test_the_record_of_another_version_does_not_count(workspace: Workspace) -> None:
    remember_kept(workspace, workspace.runs_dir / "first", "0" * 32 + ".dir")
    assert state(workspace) is DataState.KEPT
    (kept_files.kept_dir(workspace) / "first.json").write_text("{ damaged")
    assert state(workspace) is DataState.KEPT


def test_pushed_is_what_was_verified(workspace: Workspace) -> None:
    target = pointer(workspace.runs_dir / "first.dvc")
    assert pushed_remotes(workspace, target.hash) == {}
    remember_pushed(workspace, target.hash, "nobody")
    assert state(workspace) is DataState.KEPT
    dvc(workspace.root, "remote", "add", "-d", "nas", "/mnt/nas")
    dvc(workspace.root, "remote", "add", "--local", "s3", "s3://bucket/dvc")
    for remote in ("nas", "s3"):
        remember_pushed(workspace, target.hash, remote)
    assert set(pushed_remotes(workspace, target.hash)) == {"nas", "s3"}
    assert state(workspace) is DataState.PUSHED
    forget_pushed(workspace, target.hash, "s3")
    assert set(pushed_remotes(workspace, target.hash)) == {"nas"}
    (workspace.runs_dir / "first" / "metadata.yaml").write_text("changed\n")
    assert state(workspace) is DataState.CHANGED


@pytest.mark.parametrize(
    ("address", "change", "key"),
    [
        ("/mnt/nas", ("url", "/mnt/other"), ("verify", "true")),
        ("s3://bucket/dvc", ("endpointurl", "http://elsewhere:9000"), ("access_key_id", "another")),
        ("ssh://lab/srv/dvc", ("port", "23"), ("password", "another")),
    ],
)
def test_another_place_under_the_same_name_has_nothing(
    workspace: Workspace, address: str, change: tuple[str, str], key: tuple[str, str]
) -> None:
    target = pointer(workspace.runs_dir / "first.dvc")
    dvc(workspace.root, "remote", "add", "-d", "nas", address)
    remember_pushed(workspace, target.hash, "nas")
    assert state(workspace) is DataState.PUSHED
    token = change_token(workspace)
    dvc(workspace.root, "remote", "modify", "--local", "nas", *change)
    assert state(workspace) is DataState.KEPT
    assert not ever_pushed_to(workspace, "nas")
    assert change_token(workspace) != token
    dvc(workspace.root, "remote", "modify", "--local", "--unset", "nas", change[0])
    assert state(workspace) is DataState.PUSHED
    dvc(workspace.root, "remote", "modify", "--local", "nas", *key)
    assert state(workspace) is DataState.PUSHED
    (workspace.root / ".dvc" / "config").write_text("")
    assert state(workspace) is DataState.KEPT


def test_the_users_own_configuration_of_dvc_counts(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    dvc(workspace.root, "remote", "add", "--global", "-d", "mine", "/mnt/mine")
    dvc(workspace.root, "cache", "dir", "--global", str(tmp_path / "shared"))
    assert DvcRepo(workspace).default_remote() == ("mine", "/mnt/mine")
    assert cache_root(workspace.root) == tmp_path / "shared"
    dvc(workspace.root, "remote", "add", "house", "remote://mine/house")
    remember_pushed(workspace, "0" * 32, "house")
    assert set(pushed_remotes(workspace, "0" * 32)) == {"house"}
    dvc(workspace.root, "remote", "modify", "--global", "mine", "url", "/mnt/moved")
    assert pushed_remotes(workspace, "0" * 32) == {}


def test_a_discarded_run_is_in_the_trash_until_it_is_purged(workspace: Workspace) -> None:
    entry = workspace.trash_dir / "20261123T120000-first"
    entry.mkdir(parents=True)
    (workspace.runs_dir / "first").rename(entry / "folder")
    raw = {"run_name": "first", "run_id": "", "original": "outputs/training/first", "discarded_at": 5.0, "bytes": 9}
    (entry / "entry.json").write_text(json.dumps(raw))
    (workspace.trash_dir / "broken").mkdir()
    assert [found.id for found in trash_entries(workspace)] == [entry.name]
    assert state(workspace) is DataState.TRASHED
    shutil.rmtree(entry)
    assert state(workspace) is DataState.MISSING


def test_dvcs_lists_are_found_where_the_configuration_says(workspace: Workspace, tmp_path: Path) -> None:
    target = pointer(workspace.runs_dir / "first.dvc")
    listed = cached_files(workspace.root, target.hash)
    assert listed is not None
    assert set(listed) == {"checkpoints/best.pt", "metadata.yaml"}
    shutil.move(workspace.root / ".dvc" / "cache", tmp_path / "moved")
    assert cached_files(workspace.root, target.hash) is None
    dvc(workspace.root, "cache", "dir", "--local", str(tmp_path / "moved"))
    assert cache_root(workspace.root).resolve() == (tmp_path / "moved").resolve()
    assert cached_files(workspace.root, target.hash) == listed


def test_what_dvc_wrote_needs_neither_yaml_nor_hashes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps 1,000 folders within 200 ms: nothing but stat calls and one small record for each."""
    remembered(workspace)
    remembered(workspace, "second")

    def never(*_: object, **__: object) -> object:
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(kept_files, "_md5", never)
    monkeypatch.setattr(kept_files, "cached_files", never)
    monkeypatch.setattr("edm_core.stores.dvc_pointer._as_yaml", never)
    assert set(data_states(workspace).values()) == {DataState.KEPT}
