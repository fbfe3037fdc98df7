"""Download with a manifest, verification, and the check of what a server would need."""

import json
from pathlib import Path

import pytest

from edm_core.actions.model_download import MANIFEST, download, resolve, verify, verify_in_store
from edm_core.actions.promote import promote
from edm_core.actions.register import md5_of, register
from edm_core.actions.serve_check import serve_check
from edm_core.errors import ActionError, EdmError, NotFoundError
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace
from tests.support.registry import COMMIT, make_run, make_workspace

NAME = "EDMModel"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make_workspace(tmp_path / "work")
    register(workspace, make_run(workspace, "one", boundary_f1=0.7))
    promote(workspace, NAME, 1, "Production")
    return workspace


def test_a_download_loads_without_any_store_and_verifies(workspace: Workspace, tmp_path: Path) -> None:
    import mlflow.pytorch
    import torch

    folder = tmp_path / "deploy" / "model"
    download(workspace, resolve(workspace, NAME, "production"), folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert (manifest["version"], manifest["stage"], manifest["lineage"]["commit"]) == (1, "Production", COMMIT)
    assert manifest["metrics"] == {"boundary_f1": 0.7}
    checkpoint = workspace.root / "outputs/training/one/checkpoints/best.pt"
    assert {"md5": md5_of(checkpoint)}.items() <= next(
        f for f in manifest["files"] if f["path"].endswith("best.pt")
    ).items()
    verify(folder)
    assert mlflow.pytorch.load_model(str(folder))(torch.zeros(1, 50, 40))["beat"].shape == (1, 50)
    verify(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    with pytest.raises(ActionError, match="there already"):
        download(workspace, resolve(workspace, NAME, "1"), folder)


def test_what_python_compiled_in_the_store_is_none_of_the_version(workspace: Workspace, tmp_path: Path) -> None:
    (stored,) = workspace.artifacts_dir.rglob("MLmodel")
    compiled = stored.parent / "code" / "__pycache__"
    compiled.mkdir()
    (compiled / "x.cpython-311.pyc").write_bytes(b"x")
    folder = tmp_path / "model"
    download(workspace, resolve(workspace, NAME, "1"), folder)
    assert not list(folder.rglob("__pycache__"))
    verify(folder)


def test_what_was_changed_added_or_removed_is_named(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    download(workspace, resolve(workspace, NAME, "@production"), folder)
    weights = folder / "data" / "model.pth"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(bytes(content))
    (folder / "more.txt").write_text("hello")
    (folder / "conda.yaml").unlink()
    with pytest.raises(ActionError) as raised:
        verify(folder)
    for told in ("data/model.pth was changed", "more.txt was added", "conda.yaml is missing"):
        assert told in raised.value.message


def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"files": [{"path": "../../etc/passwd"}]}))
    with pytest.raises(ActionError, match="outside the folder"):
        verify(tmp_path)
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(ActionError, match="cannot be read"):
        verify(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(NotFoundError, match="has no manifest"):
        verify(tmp_path)


def test_a_stores_copy_that_was_exchanged_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    version = resolve(workspace, NAME, "v1")
    assert verify_in_store(workspace, version).data["version"] == 1
    (stored,) = workspace.artifacts_dir.rglob("extra_files/best.pt")
    stored.write_bytes(b"another one")
    with pytest.raises(ActionError, match="no file has the hash"):
        verify_in_store(workspace, version)
    with pytest.raises(ActionError, match="no file has the hash"):
        download(workspace, version, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_artifacts_that_are_gone_are_an_error_that_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    (stored,) = workspace.artifacts_dir.rglob("MLmodel")
    for path in sorted(stored.parent.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    stored.parent.rmdir()
    with pytest.raises(EdmError, match="cannot be fetched"):
        download(workspace, resolve(workspace, NAME, "1"), tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("word", "told"),
    [("Staging", "no version in Staging"), ("@champion", "no alias"), ("9", "no version 9"), ("best", "is no stage")],
)
def test_what_names_nothing_is_said(workspace: Workspace, word: str, told: str) -> None:
    with pytest.raises(NotFoundError, match=told):
        resolve(workspace, NAME, word)


def test_requirements_that_cannot_be_had_are_named(workspace: Workspace, tmp_path: Path) -> None:
    empty = tmp_path / "wheels"
    empty.mkdir()
    with pytest.raises(ActionError, match="could not be installed"):
        serve_check(workspace, resolve(workspace, NAME, "1"), empty)


@pytest.mark.proof
def test_a_version_predicts_in_a_clean_environment(workspace: Workspace) -> None:
    mlflow_client(workspace)
    outcome = serve_check(workspace, resolve(workspace, NAME, "Production"))
    assert "loads and predicts" in outcome.title
