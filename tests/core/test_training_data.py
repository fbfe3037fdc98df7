"""Before training: data that are missing are pulled, data that differ are named."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.errors import DataError
from edm_core.training.config import TrainingConfig
from edm_core.training.data_state import data_tags, ready_data
from edm_core.workspace import Workspace, find_workspace
from tests.support.tracks import clean_env, make_workspace


def dvc(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words, "-q"], cwd=root, check=True, env=clean_env())


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose data are tracked and pushed."""
    folder = tmp_path_factory.mktemp("data")
    root = make_workspace(folder / "ws", tracks=2)
    dvc(root, "init")
    dvc(root, "remote", "add", "-d", "nas", str(folder / "nas"))
    dvc(root, "add", "data")
    dvc(root, "push")
    return find_workspace(root)


def said_by(workspace: Workspace, config: TrainingConfig | None = None) -> list[str]:
    lines: list[str] = []
    ready_data(workspace, config or TrainingConfig(), lines.append)
    return lines


def test_data_as_tracked_need_no_word(tracked: Workspace) -> None:
    assert said_by(tracked) == []
    assert data_tags(tracked)["edm.data_version"].endswith(".dir")
    assert "edm.data_changed" not in data_tags(tracked)


def test_data_that_differ_are_named_and_tagged(tracked: Workspace) -> None:
    extra = tracked.data_dir / "annotations" / "more.yaml"
    extra.write_text("structure: []\n")
    (warning,) = said_by(tracked)
    assert "1 added" in warning
    assert data_tags(tracked)["edm.data_changed"] == "true"
    extra.unlink()


def test_missing_data_are_pulled(tracked: Workspace) -> None:
    version = data_tags(tracked)
    shutil.rmtree(tracked.data_dir)
    shutil.rmtree(tracked.root / ".dvc/cache")
    assert any("pull" in line for line in said_by(tracked))
    assert data_tags(tracked) == version
    assert len(list((tracked.data_dir / "annotations").iterdir())) == 2


def test_without_data_and_remote_making_them_is_offered(tmp_path: Path) -> None:
    workspace = find_workspace(make_workspace(tmp_path / "ws", tracks=0))
    with pytest.raises(DataError) as caught:
        said_by(workspace)
    assert "edm data make" in caught.value.hint
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(DataError):
        ready_data(workspace, TrainingConfig(), asked.append, refuse)
    assert len(asked) == 1
    assert not workspace.data_dir.exists()


def test_annotations_elsewhere_are_the_users_own(tmp_path: Path) -> None:
    workspace = find_workspace(make_workspace(tmp_path / "ws", tracks=0))
    assert said_by(workspace, TrainingConfig(annotations="mine/annotations")) == []
