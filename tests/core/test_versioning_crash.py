"""kill -9 of keep, keep again, discard, undo, push and pull at seeded moments: nothing is lost, nothing half done."""

from pathlib import Path

import pytest

from tests.support.crashes import kill_verbs
from tests.support.versioning import new_workspace


@pytest.mark.timeout(600)
def test_ten_kills(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    figures = kill_verbs(workspace, seed=1, kills=10)
    assert sum(figures.killed.values()) == 10


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(100, 108))
def test_two_hundred_kills(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    figures = kill_verbs(workspace, seed=seed, kills=25)
    with capsys.disabled():
        print(f"\nseed {seed}: {figures.line()}")
