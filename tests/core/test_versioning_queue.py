"""Several processes at once on one workspace: verbs queue, nobody fails with a lock error, nothing interleaves."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from edm_core.actions.doctor import examine
from edm_core.journal import Journal
from edm_core.stores.data_states import data_states
from tests.support.versioning import PYTHON, contents, dvc, edm, git, make_run, new_workspace, plain_env


def test_verbs_of_four_processes_queue(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    names = ["one", "two", "three", "four"]
    runs = [make_run(workspace, name, seed=seed) for seed, name in enumerate(names)]
    edm(workspace.root, "keep", "four")
    commands = [["keep", "one"], ["keep", "two", "--push"], ["discard", "three"], ["push"]]
    children = [
        subprocess.Popen(
            [PYTHON, "-m", "edm_core.cli.main", *command], cwd=workspace.root, env=plain_env(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for command in commands
    ]  # fmt: skip
    for child in children:
        out, error = child.communicate()
        assert child.returncode == 0, f"{out}\n{error}"
    states = {name: state.word for name, state in data_states(workspace).items()}
    assert states.keys() == {"one", "two", "four"}
    assert states["two"] == states["four"] == "pushed"
    assert git(workspace.root, "status", "--porcelain") == ""
    assert dvc(workspace.root, "status", "--json") == "{}"
    entries = Journal(workspace).entries()
    assert {entry.state for entry in entries} == {"done"}
    assert git(workspace.root, "log", "--format=%s").count("Keep run") == 3
    assert not runs[2].folder.exists()
    nothing_interleaves(workspace.journal_path)


def nothing_interleaves(journal: Path) -> None:
    """Between the begin and the end of an entry no line belongs to another."""
    current = ""
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "begin":
            assert current == "", "an entry began before the last one had ended"
            current = record["id"]
        assert record["id"] == current
        if record["kind"] in ("done", "failed"):
            current = ""


def test_a_remote_that_fills_up_is_named_and_pushing_goes_on_once_there_is_room(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    run = make_run(workspace, "cnn")
    (run.folder / "checkpoints" / "optimizer.pt").write_bytes(bytes(range(256)) * 24_000)
    edm(workspace.root, "keep", "cnn")
    # No file may grow beyond 4 MiB: the copy on the remote stops as on a full disk.
    limited = subprocess.run(
        ["bash", "-c", f"ulimit -f 4096; exec {PYTHON} -m edm_core.cli.main push"], cwd=workspace.root,
        env=plain_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if limited.returncode == 0:
        pytest.skip("this machine does not hold file size limits")
    assert limited.returncode == 1, limited.stderr
    assert "error: " in limited.stderr
    assert "hint: " in limited.stderr
    assert "Traceback" not in limited.stderr
    assert data_states(workspace)["cnn"].word == "kept"
    assert git(workspace.root, "rev-list", "--count", "HEAD", "--not", "--remotes") == "1"
    edm(workspace.root, "push")
    assert data_states(workspace)["cnn"].word == "pushed"
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    edm(tmp_path / "mate", "pull")
    assert contents(tmp_path / "mate" / "outputs/training/cnn") == contents(run.folder)


def test_a_commit_that_outlives_its_verb_is_waited_for_and_finished(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    make_run(workspace, "cnn")
    reached, go_on = tmp_path / "reached", tmp_path / "go_on"
    os.mkfifo(reached)
    os.mkfifo(go_on)
    hook = workspace.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho reached > {reached}\ncat {go_on} > {os.devnull}\n")
    hook.chmod(0o755)
    child = subprocess.Popen(
        [PYTHON, "-m", "edm_core.cli.main", "keep", "cnn"], cwd=workspace.root, env=plain_env(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert reached.read_text() == "reached\n"
    child.kill()
    child.wait()
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        if text.startswith("waiting for pid"):
            go_on.write_text("go on\n")

    report = examine(workspace, fix=True, say=hear)
    assert not report.sick
    assert any("git commit" in text for text in said), said
    assert [f.mended for f in report.findings if f.check == "unfinished"] == [
        "finished keeping cnn, which had been interrupted after its commit"
    ]
    assert git(workspace.root, "log", "-1", "--format=%s").startswith("Keep run cnn")
    assert git(workspace.root, "status", "--porcelain") == ""
    assert data_states(workspace)["cnn"].word == "kept"
