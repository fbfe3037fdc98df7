"""Where a workspace is, and where things are in it. Asking creates nothing."""

from pathlib import Path

import pytest

from edm_core.errors import WorkspaceError
from edm_core.workspace import find_workspace


def test_the_nearest_edm_toml_wins_over_the_git_root(git_repo: Path) -> None:
    inner = git_repo / "project"
    (inner / "deep").mkdir(parents=True)
    assert find_workspace(inner / "deep", {}).root == git_repo
    (inner / "edm.toml").touch()
    assert find_workspace(inner / "deep", {}).root == inner


def test_outside_of_everything_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        find_workspace(tmp_path, {})
    assert "edm init" in caught.value.hint


def test_asking_creates_nothing(git_repo: Path) -> None:
    workspace = find_workspace(git_repo, {})
    before = sorted(git_repo.rglob("*"))
    assert workspace.tracking_uri == f"sqlite:///{git_repo}/mlflow.db"
    assert workspace.run_folder("a") == git_repo / "outputs" / "training" / "a"
    assert sorted(git_repo.rglob("*")) == before


def test_an_mlruns_folder_that_holds_experiments_is_the_store(git_repo: Path) -> None:
    (git_repo / "mlruns").mkdir()
    assert find_workspace(git_repo, {}).tracking_uri.startswith("sqlite:")
    (git_repo / "mlruns" / "0").mkdir()
    (git_repo / "mlruns" / "0" / "meta.yaml").touch()
    assert find_workspace(git_repo, {}).tracking_uri == (git_repo / "mlruns").as_uri()


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("sqlite:///sub/a.db", "sqlite:///{root}/sub/a.db"),
        ("sqlite:////abs/a.db", "sqlite:////abs/a.db"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("http://h:1", "http://h:1"),
        ("./mlruns", "file://{root}/mlruns"),
    ],
)
def test_a_relative_uri_does_not_hang_on_the_current_folder(git_repo: Path, uri: str, meant: str) -> None:
    found = find_workspace(git_repo, {"MLFLOW_TRACKING_URI": uri}).tracking_uri
    assert found == meant.replace("{root}", str(git_repo))
