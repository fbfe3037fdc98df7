"""The version and state of the data set, told without DVC, agree with DVC; `edm data` on a real repository."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edm_core.cli.data import data as data_command
from edm_core.data.arrange import tracks
from edm_core.data.hashes import CACHE_FILE, directory_md5, folder_hashes
from edm_core.data.version import data_state, data_version
from edm_core.errors import DataError, EdmError

DVC = (sys.executable, "-m", "dvc")
NAMES = (
    "audio/b.wav",
    "audio/a b.wav",
    "audio/ä.wav",
    "audio-2/x",
    "audio.txt",
    "B",
    "a/B/c",
    "a/b",
    "annotations/t.yaml",
)


@pytest.fixture
def repo(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run(git_repo, *DVC, "init", "--quiet")
    (git_repo / ".gitignore").write_text("/data/\n/.edm/\n")
    monkeypatch.chdir(git_repo)
    monkeypatch.setattr("edm_core.data.make.tracks", lambda: tracks()[:1])
    return git_repo


def run(cwd: Path, *argv: str) -> str:
    return subprocess.run(argv, cwd=cwd, check=True, capture_output=True, text=True).stdout


def fill(root: Path) -> None:
    for name in NAMES:
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")


def edm(*argv: str, code: int = 0) -> Any:
    result: Result = CliRunner().invoke(data_command, [*argv, "--json"], standalone_mode=False)
    assert result.exception is None, result.exception
    assert (result.return_value or 0) == code
    return json.loads(result.stdout)


def test_the_hash_of_a_folder_is_what_dvc_writes(repo: Path) -> None:
    fill(repo)
    run(repo, *DVC, "add", "--quiet", "data")
    assert directory_md5(folder_hashes(repo / "data")) == data_version(repo)


def test_states_with_counts(repo: Path) -> None:
    assert data_state(repo).state == "untracked"
    fill(repo)
    assert (data_state(repo).state, data_state(repo).files) == ("untracked", len(NAMES))
    run(repo, *DVC, "add", "--quiet", "data")
    assert data_state(repo).state == "same"
    (repo / "data" / "B").write_text("changed")
    (repo / "data" / "audio.txt").unlink()
    (repo / "data" / "new").write_text("new")
    state = data_state(repo)
    assert (state.state, state.changed, state.added, state.deleted) == ("differs", 1, 1, 1)
    (repo / "data").rename(repo / "elsewhere")
    state = data_state(repo)
    assert (state.state, state.version, state.tracked_files) == ("missing", data_version(repo), len(NAMES))


def test_without_the_cache_the_counts_are_unknown_but_not_the_state(repo: Path) -> None:
    fill(repo)
    run(repo, *DVC, "add", "--quiet", "data")
    (repo / ".dvc" / "cache").rename(repo / ".dvc" / "gone")
    (repo / "data" / "B").write_text("changed")
    state = data_state(repo)
    assert (state.state, state.changed) == ("differs", None)
    assert f"{len(NAMES)} tracked" in state.sentence


def test_a_data_dvc_that_is_none_is_an_error(repo: Path) -> None:
    for content in ("outs: []\n", "outs: [\n", "\x00"):
        (repo / "data.dvc").write_text(content)
        with pytest.raises(DataError, match=r"data\.dvc"):
            data_version(repo)


def test_unchanged_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = tmp_path / "data", tmp_path / "cache"
    folder.mkdir()
    (folder / "a").write_text("a")
    (folder / "b").write_text("b")
    first = folder_hashes(folder, cache)
    (folder / "b").write_text("c")
    read: list[str] = []

    def reading(path: Path) -> str:
        read.append(path.name)
        return "new"

    monkeypatch.setattr("edm_core.data.hashes.file_md5", reading)
    assert folder_hashes(folder, cache) == {"a": first["a"], "b": "new"}
    assert read == ["b"]
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("content", ["", "[]", '{"x": 3}', '{"x": [1]}', "\x00"])
def test_a_damaged_cache_only_costs_time(tmp_path: Path, content: str) -> None:
    folder, cache = tmp_path / "data", tmp_path / "cache"
    folder.mkdir()
    cache.mkdir()
    (folder / "a").write_text("a")
    (cache / CACHE_FILE).write_text(content)
    assert folder_hashes(folder, cache) == folder_hashes(folder)


def test_make_tracks_checks_and_reports(repo: Path) -> None:
    made = edm("make")
    assert (made["written"], made["dvc_added"], made["matches"], made["tracks"]) == (True, True, True, 1)
    assert data_version(repo) == made["version"]
    again = edm("make")
    assert (again["written"], again["dvc_added"], again["matches"]) == (False, False, True)
    status = edm("status")
    assert (status["state"], status["tracks"], status["version"]) == ("same", 1, made["version"])
    assert edm("check")["faults"] == []
    assert run(repo, *DVC, "status").strip() == "Data and pipelines are up to date."
    assert run(repo, "git", "status", "--porcelain", "--", "data").strip() == ""


def test_make_says_when_it_is_not_what_data_dvc_names(repo: Path) -> None:
    fill(repo)
    run(repo, *DVC, "add", "--quiet", "data")
    before = data_version(repo)
    with pytest.raises(DataError):
        CliRunner().invoke(data_command, ["make"], standalone_mode=False, catch_exceptions=False)
    made = edm("make", "--force")
    assert (made["matches"], made["data_dvc"]) == (False, before)
    assert data_version(repo) == before
    assert (Path(made["replaced"]) / "B").read_text() == "content of B"


def test_check_exits_1_and_lists_the_faults(repo: Path) -> None:
    edm("make")
    (repo / "data" / "audio" / "track_01.wav").unlink()
    report = edm("check", code=1)
    assert [Path(fault["file"]).name for fault in report["faults"]] == ["track_01.yaml", "track_01.jams"]
    assert all("missing audio" in fault["reason"] for fault in report["faults"])


def test_status_and_pull_with_a_remote(repo: Path, tmp_path: Path) -> None:
    assert edm("make")["matches"]
    assert edm("status", "--remote")["remote"]["has_all"] is None
    run(repo, *DVC, "remote", "add", "-d", "nas", str(tmp_path / "nas"))
    assert edm("status", "--remote")["remote"] == {"name": "nas", "has_all": False, "reason": ""}
    run(repo, *DVC, "push", "--quiet", "data.dvc")
    assert edm("status", "--remote")["remote"]["has_all"] is True
    (repo / "data").rename(tmp_path / "away")
    (repo / ".dvc" / "cache").rename(tmp_path / "cache")
    assert edm("status", "--remote")["remote"]["has_all"] is True
    assert edm("pull")["state"] == "same"
    assert folder_hashes(repo / "data") == folder_hashes(tmp_path / "away")


def test_pull_leaves_changed_data_alone_but_finishes_an_interrupted_one(repo: Path, tmp_path: Path) -> None:
    edm("make")
    run(repo, *DVC, "remote", "add", "-d", "nas", str(tmp_path / "nas"))
    run(repo, *DVC, "push", "--quiet", "data.dvc")
    wav = repo / "data" / "audio" / "track_01.wav"
    wav.write_bytes(b"mine")
    with pytest.raises(EdmError, match="overwrite"):
        CliRunner().invoke(data_command, ["pull"], standalone_mode=False, catch_exceptions=False)
    assert wav.read_bytes() == b"mine"
    wav.unlink()
    assert edm("pull")["state"] == "same"


def test_the_version_is_told_without_dvc_or_numpy() -> None:
    code = (
        "import edm_core.data.version, edm_core.cli.data, sys; print([m for m in ('dvc', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
