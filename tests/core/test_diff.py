"""Runs compared section by section, with real git commits and run folders."""

import json
import math
import subprocess
from pathlib import Path

import pytest
import yaml

from edm_core.diff import diff_runs, verdict
from edm_core.diff.baseline import baseline_of
from edm_core.diff.code import UNCOMMITTED, file_patches, patches
from edm_core.diff.document import document, markdown
from edm_core.diff.files import flattened
from edm_core.snapshots.diff import SECTIONS, DiffEntry, RunDiff
from edm_core.snapshots.runs import RunRow
from edm_core.stores.memory import MemoryTracking, memory_store
from edm_core.stores.runs import find_run
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
    for key, saved in documents.items():
        if key in ("environment", "tracks"):
            (path / f"{key}.json").write_text(json.dumps(saved))
        else:
            (path / f"{key}.yaml").write_text(yaml.safe_dump(saved, sort_keys=False))
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


def test_lists_of_another_length_are_compared_by_item() -> None:
    tables = flattened([{"changes": ["lr", "dropout", "lr"]}, {"changes": ["dropout"]}, {}])
    assert tables == [
        {"changes: lr": "lr", "changes: dropout": "dropout", "changes: lr (2)": "lr"},
        {"changes: dropout": "dropout"},
        {},
    ]
    assert flattened([{"a": [1, 2]}, {"a": [1, 3]}]) == [{"a[0]": 1, "a[1]": 2}, {"a[0]": 1, "a[1]": 3}]
    assert flattened([{"a": [1]}, {"a": {"b": 1}}, {"a": None}]) == [{"a": [1]}, {"a": {"b": 1}}, {"a": None}]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Runs in MLflow's own store, without folders here."""
    from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client

    workspace = new_workspace(tmp_path_factory.mktemp("logged") / "ws", "")
    client = mlflow_client(workspace)
    experiment = ensure_experiment(client, workspace)
    for name, loss in (("a", 0.5), ("b", 0.2), ("c", 0.9)):
        run = client.create_run(experiment, run_name=name)
        client.log_metric(run.info.run_id, "val_loss", loss)
        client.log_text(run.info.run_id, json.dumps({"packages": {"torch": name}}), "environment.json")
    return workspace


def test_what_a_run_saved_is_read_from_mlflow_where_its_folder_is_gone(logged: Workspace) -> None:
    diff = diff_runs(logged, [find_run(logged, name) for name in "ab"])
    assert entry(diff, "environment", "packages.torch").values == ("a", "b")
    assert "environment" not in diff.notes
    assert diff.notes["config"] == "a: its folder is not here; b: its folder is not here"


def test_a_run_alone_is_compared_with_production_else_with_the_best(logged: Workspace) -> None:
    from edm_core.stores.mlflow_client import mlflow_client

    def against(name: str) -> tuple[str, str]:
        found = baseline_of(logged, find_run(logged, name))
        assert found is not None
        return found[0].name, found[1]

    assert against("a") == ("b", "the best by val_loss")
    assert against("b") == ("a", "the best by val_loss")
    client = mlflow_client(logged)
    client.create_registered_model("EDMModel")
    client.create_model_version("EDMModel", "file:///nowhere", run_id=find_run(logged, "c").run_id)
    with pytest.warns(FutureWarning):
        client.transition_model_version_stage("EDMModel", "1", "Production")
    assert against("a") == ("c", "in Production (v1 Production)")
    assert against("c") == ("b", "the best by val_loss")


def test_documents_to_take_away(workspace: Workspace, store: MemoryTracking) -> None:
    a = add(store, "a", params={"lr": "1", "odd": "x|y"}, metrics={"val_loss": [0.5, 0.4]})
    b = add(store, "_b", params={"lr": "1", "odd": "<b>"}, metrics={"val_loss": [0.3, 0.6]})
    diff = diff_runs(workspace, [a, b])
    best = document(diff, everything=False)["metrics"]["best val_loss"]
    assert (best["values"], best["steps"], best["verdicts"]) == ([0.4, 0.3], [1, 0], ["", "better"])
    assert "lr" not in document(diff, everything=False)["params"]
    assert document(diff, everything=True)["params"]["lr"]["same"] is True
    text = markdown(diff, everything=False)
    assert "| best val_loss | 0.4 @1 | 0.3 @0 (-0.1 better) |" in text
    assert r"| odd | x\|y | \<b\> |" in text
    assert text.startswith("# a · \\_b\n")


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
    assert entry(diff, "code", UNCOMMITTED).values == ("none", "yes, not saved here")
    assert [text.splitlines()[-3:] for text in file_patches(workspace, [a, b], "model.py")] == [[], ["-b", "+c", "+d"]]
    asked = workspace.command_log_path.read_text().count("numstat")
    assert diff_runs(workspace, [a, b]).sections["code"] == diff.sections["code"]
    assert workspace.command_log_path.read_text().count("numstat") == asked == 1
    same = diff_runs(workspace, [a, a])
    assert [found.same for found in same.sections["code"]] == [True, True]


def test_code_is_source_only(workspace: Workspace, store: MemoryTracking) -> None:
    (workspace.root / ".dvc").mkdir(exist_ok=True)
    one = commit(workspace.root, **{"model.py": "a\n", ".dvc/config": ""})
    (workspace.root / "logo.png").write_bytes(bytes(range(256)))
    runs = workspace.settings.runs.dir
    two = commit(workspace.root, **{
        f"{runs}/a.dvc": "outs: []\n", f"{runs}/.gitignore": "/a\n", "data.dvc": "outs: []\n",
        ".dvc/config": "[core]\n", "logo.png": "\0\1", "model.py": "b\n"})  # fmt: skip
    rows = [add(store, name, tags={"mlflow.source.git.commit": at}) for name, at in (("a", one), ("b", two))]
    diff = diff_runs(workspace, rows)
    assert keys(diff, "code") == ["commit", UNCOMMITTED, "model.py"]
    assert diff.notes["code"].startswith("5 more that are no source")
    assert [title for title, _ in patches(workspace, rows)] == ["a → b: model.py"]


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
        versions,
        ({"t1.wav": "aa", "t2.wav": "bb", "t3.wav": "dd"}, {"t1.wav": "aa", "t2.wav": "cc", "t4.wav": "ee"}),
        strict=True,
    ):
        path = workspace.root / ".dvc" / "cache" / "files" / "md5" / version[:2] / version[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{"md5": md5, "relpath": name} for name, md5 in files.items()]))
    a, b = (add(store, f"r{i}", tags={"edm.data_version": v}) for i, v in enumerate(versions))
    diff = diff_runs(workspace, [a, b])
    assert entry(diff, "data", "version").values == tuple(versions)
    assert {found.key: (found.values, found.verdicts) for found in diff.sections["data"][1:]} == {
        "t2.wav": (("bb", "cc"), ("", "changed")),
        "t3.wav": (("dd", None), ("", "removed")),
        "t4.wav": ((None, "ee"), ("", "added")),
    }
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
    nested = {"a": {"b": [1, {"c": 2}]}, "d": {}, "e": []}
    assert flattened([nested, "text", None]) == [{"a.b[0]": 1, "a.b[1].c": 2, "d": {}, "e": []}, {}, {}]
    assert [verdict(True, delta) for delta in (-1.0, 1.0, 0.0, None, math.nan)] == ["better", "worse", "", "", ""]
