"""Runs compared section by section, with real git commits and run folders."""

import json
import math
import subprocess
from pathlib import Path

import pytest
import yaml

from edm_core.diff import diff_runs, verdict
from edm_core.diff_files import flattened
from edm_core.snapshots.diff import SECTIONS, DiffEntry, RunDiff
from edm_core.snapshots.runs import RunRow
from edm_core.stores.memory import MemoryTracking, memory_store
from edm_core.workspace import Workspace
from tests.support.stores import new_workspace


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = tmp_path / "ws"
    made = new_workspace(root, f'[tracking]\nuri = "memory://{tmp_path.name}"\n')
    git(root, "init", "-q")
    return made


@pytest.fixture
def store(workspace: Workspace) -> MemoryTracking:
    return memory_store(workspace.tracking_uri)


def commit(root: Path, **files: str) -> str:
    for name, text in files.items():
        (root / name).write_text(text)
        git(root, "add", name)
    git(root, "commit", "-q", "-m", "A change", "--allow-empty")
    return git(root, "rev-parse", "HEAD")


def add(
    store: MemoryTracking, name: str, *, metrics: dict[str, list[float]] | None = None,
    params: dict[str, str] | None = None, tags: dict[str, str] | None = None, run_dir: str = "",
) -> RunRow:  # fmt: skip
    row = RunRow(f"{name:0<32}", name, "FINISHED", 1, 2, params=params or {}, tags=tags or {}, run_dir=run_dir)
    store.add(row, {key: list(enumerate(values)) for key, values in (metrics or {}).items()})
    return row


def folder(workspace: Workspace, name: str, **documents: object) -> str:
    path = workspace.runs_dir / name
    path.mkdir()
    for key, document in documents.items():
        if key in ("environment", "tracks"):
            (path / f"{key}.json").write_text(json.dumps(document))
        else:
            (path / f"{key}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return f"{workspace.settings.runs.dir}/{name}"


def entry(diff: RunDiff, section: str, key: str) -> DiffEntry:
    return next(found for found in diff.sections[section] if found.key == key)


def keys(diff: RunDiff, section: str) -> list[str]:
    return [found.key for found in diff.sections[section]]


def test_params_and_metrics_by_direction(workspace: Workspace, store: MemoryTracking) -> None:
    a = add(store, "a", params={"lr": "1e-3", "seed": "0"}, metrics={
        "val_loss": [0.5, 0.2, 0.3], "boundary_f1": [0.1, 0.8], "speed": [5.0], "only_a": [1.0]})  # fmt: skip
    b = add(store, "b", params={"lr": "1e-2", "seed": "0", "new": "x"}, metrics={
        "val_loss": [0.6, 0.3, 0.25], "boundary_f1": [0.1, 0.7], "speed": [5.0]})  # fmt: skip
    diff = diff_runs(workspace, [a, b])
    assert diff.names == ("a", "b")
    assert entry(diff, "params", "lr").values == ("1e-3", "1e-2")
    assert [entry(diff, "params", key).same for key in ("lr", "seed", "new")] == [False, True, False]
    assert entry(diff, "params", "new").values == (None, "x")
    best, last = entry(diff, "metrics", "best val_loss"), entry(diff, "metrics", "val_loss")
    assert (best.values, best.verdicts) == ((0.2, 0.25), ("", "worse"))
    assert best.deltas[0] is None
    assert best.deltas[1] == pytest.approx(0.05)
    assert (last.values, last.verdicts) == ((0.3, 0.25), ("", "better"))
    assert entry(diff, "metrics", "best boundary_f1").verdicts == ("", "worse")
    assert entry(diff, "metrics", "speed").same
    assert entry(diff, "metrics", "only_a").values == (1.0, None)
    assert entry(diff, "metrics", "only_a").deltas == (None, None)
    assert "best speed" not in keys(diff, "metrics"), "nobody knows which way is better"
    assert keys(diff, "metrics")[:2] == ["best val_loss", "val_loss"], "the primary metric comes first"


def test_nan_is_the_same_as_nan(workspace: Workspace, store: MemoryTracking) -> None:
    a, b = (add(store, name, metrics={"val_loss": [math.nan]}) for name in "ab")
    diff = diff_runs(workspace, [a, b])
    assert entry(diff, "metrics", "val_loss").same
    assert entry(diff, "metrics", "val_loss").verdicts == ("", "")


def test_files_by_key_whatever_their_order(workspace: Workspace, store: MemoryTracking) -> None:
    first = {"run_name": "a", "model": {"layers": 3, "dilations": [1, 2, 4]}, "seed": 0}
    second = {"run_name": "b", "seed": 0, "model": {"dilations": [1, 2, 8], "layers": 3}}
    a = add(store, "a", run_dir=folder(workspace, "a", config=first, metadata={"results": {"conclusion": "good"}}))
    b = add(store, "b", run_dir=folder(workspace, "b", config=second, metadata={"results": {"conclusion": "bad"}}))
    diff = diff_runs(workspace, [a, b])
    assert [found.key for found in diff.sections["config"] if not found.same] == ["model.dilations[2]"]
    assert entry(diff, "config", "model.dilations[2]").values == (4, 8)
    assert entry(diff, "metadata", "results.conclusion").values == ("good", "bad")


def test_environment_and_tracks(workspace: Workspace, store: MemoryTracking) -> None:
    def tracks(**scores: float) -> dict[str, object]:
        return {"tracks": [{"track": name, "boundary_f1_05": score} for name, score in scores.items()]}

    env = {"python": "3.11.7", "packages": {"torch": "2.13.0", "numpy": "2.4.6"}}
    newer = {"python": "3.11.7", "packages": {"torch": "2.14.0", "numpy": "2.4.6"}}
    a = add(store, "a", run_dir=folder(workspace, "a", environment=env, tracks=tracks(t1=0.9, t2=0.5, t3=0.7)))
    b = add(store, "b", run_dir=folder(workspace, "b", environment=newer, tracks=tracks(t1=0.5, t2=0.6, t3=0.7)))
    diff = diff_runs(workspace, [a, b])
    assert [found.key for found in diff.sections["environment"] if not found.same] == ["packages.torch"]
    assert keys(diff, "tracks") == ["t1", "t2", "t3"], "the largest change first"
    assert [found.verdicts[1] for found in diff.sections["tracks"]] == ["worse", "better", ""]
    assert entry(diff, "tracks", "t3").same


def test_code_between_commits(workspace: Workspace, store: MemoryTracking) -> None:
    one = commit(workspace.root, **{"model.py": "a\nb\n", "same.py": "x\n"})
    two = commit(workspace.root, **{"model.py": "a\nc\nd\n", "new.py": "y\n"})
    a = add(store, "a", tags={"mlflow.source.git.commit": one, "edm.git_dirty": "false"})
    b = add(store, "b", tags={"mlflow.source.git.commit": two, "edm.git_dirty": "true"})
    diff = diff_runs(workspace, [a, b])
    assert entry(diff, "code", "commit").values == (one[:9], two[:9])
    assert entry(diff, "code", "model.py").values == (None, "+2 −1")
    assert entry(diff, "code", "new.py").values == (None, "+1 −0")
    assert "same.py" not in keys(diff, "code")
    assert entry(diff, "code", "uncommitted changes").values == ("none", "yes, not saved here")
    asked = workspace.command_log_path.read_text().count("numstat")
    assert diff_runs(workspace, [a, b]).sections["code"] == diff.sections["code"]
    assert workspace.command_log_path.read_text().count("numstat") == asked == 1
    same = diff_runs(workspace, [a, a])
    assert [found.same for found in same.sections["code"]] == [True, True]


def test_a_saved_patch_is_compared_by_content(workspace: Workspace, store: MemoryTracking) -> None:
    head = {"mlflow.source.git.commit": commit(workspace.root), "edm.git_dirty": "true"}
    rows = []
    for name, text in (("a", "+1\n"), ("b", "+1\n"), ("c", "+2\n")):
        rows.append(add(store, name, tags=head, run_dir=folder(workspace, name)))
        (workspace.runs_dir / name / "uncommitted.patch").write_text(text)
    assert entry(diff_runs(workspace, rows[:2]), "code", "uncommitted changes").same
    assert not entry(diff_runs(workspace, rows), "code", "uncommitted changes").same


@pytest.mark.parametrize("foreign", ["0" * 40, "--output=/tmp/owned", "not a commit"])
def test_a_commit_that_is_not_in_this_clone(workspace: Workspace, store: MemoryTracking, foreign: str) -> None:
    here = commit(workspace.root)
    a = add(store, "a", params={"x": "1"}, tags={"mlflow.source.git.commit": here})
    b = add(store, "b", params={"x": "2"}, tags={"mlflow.source.git.commit": foreign})
    diff = diff_runs(workspace, [a, b])
    assert "is not in this clone" in diff.notes["code"]
    assert not entry(diff, "params", "x").same


def test_data_versions_and_the_files_between_them(workspace: Workspace, store: MemoryTracking) -> None:
    versions = [f"{n:032x}.dir" for n in (1, 2)]
    for version, files in zip(
        versions, ({"t1.wav": "aa", "t2.wav": "bb"}, {"t1.wav": "aa", "t2.wav": "cc"}), strict=True
    ):
        path = workspace.root / ".dvc" / "cache" / "files" / "md5" / version[:2] / version[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{"md5": md5, "relpath": name} for name, md5 in files.items()]))
    a, b = (add(store, f"r{i}", tags={"edm.data_version": v}) for i, v in enumerate(versions))
    diff = diff_runs(workspace, [a, b])
    assert entry(diff, "data", "version").values == tuple(versions)
    assert entry(diff, "data", "t2.wav").values == ("bb", "cc")
    assert keys(diff, "data") == ["version", "t2.wav"]
    c = add(store, "c", tags={"edm.data_version": "f" * 32 + ".dir"})
    partial = diff_runs(workspace, [a, c])
    assert keys(partial, "data") == ["version"]
    assert "f" * 32 in partial.notes["data"]


def test_runs_with_nothing_in_common(workspace: Workspace, store: MemoryTracking) -> None:
    a = add(store, "a", run_dir=folder(workspace, "a"))
    (workspace.runs_dir / "a" / "config.yaml").write_text("a: [unclosed\n")
    (workspace.runs_dir / "a" / "tracks.json").write_text("[1, 2")
    b = add(store, "b")
    diff = diff_runs(workspace, [a, b])
    assert tuple(diff.sections) == SECTIONS
    assert all(found == () for found in diff.sections.values())
    assert "a: config.yaml is not YAML" in diff.notes["config"]
    assert "b: its folder is not here" in diff.notes["config"]
    assert "not JSON" in diff.notes["tracks"]
    assert "a: no metadata.yaml" in diff.notes["metadata"]
    assert diff.notes["code"] == "no run says which commit it was trained on"


def test_a_folder_without_a_run_can_be_compared(workspace: Workspace, store: MemoryTracking) -> None:
    a = add(store, "a", run_dir=folder(workspace, "a", config={"lr": 1}))
    loose = RunRow("", "loose", run_dir=folder(workspace, "loose", config={"lr": 2}))
    diff = diff_runs(workspace, [a, loose])
    assert entry(diff, "config", "lr").values == (1, 2)
    assert diff.run_ids[1] == "folder:outputs/training/loose"


def test_three_runs_keep_the_first_as_baseline(workspace: Workspace, store: MemoryTracking) -> None:
    rows = [add(store, name, metrics={"val_loss": [value]}) for name, value in (("a", 0.5), ("b", 0.4), ("c", 0.6))]
    found = entry(diff_runs(workspace, rows), "metrics", "val_loss")
    assert found.verdicts == ("", "better", "worse")
    assert [round(delta or 0, 9) for delta in found.deltas[1:]] == [-0.1, 0.1]


def test_flattened_and_verdict() -> None:
    assert flattened({"a": {"b": [1, {"c": 2}]}, "d": {}, "e": []}) == {"a.b[0]": 1, "a.b[1].c": 2, "d": {}, "e": []}
    assert flattened("text") == {}
    assert flattened(None) == {}
    assert [verdict(True, delta) for delta in (-1.0, 1.0, 0.0, None, math.nan)] == ["better", "worse", "", "", ""]
