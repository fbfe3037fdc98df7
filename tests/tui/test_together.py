"""Two screens and a command line at once on one workspace, and a teammate's clone: through the interface itself."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from edm_core.actions.doctor import examine
from edm_core.actions.keep import keep
from edm_core.actions.push import push
from edm_core.init import init_workspace
from edm_core.stores.data_states import data_states
from edm_core.stores.runs import find_run, load_runs
from edm_core.workspace import Workspace, find_workspace
from edm_tui.app import EdmApp
from edm_tui.screens.runs import RunsScreen
from tests.core.test_versioning_queue import nothing_interleaves
from tests.support.versioning import PYTHON, contents, dvc, git, make_run, new_workspace, plain_env


async def until(pilots: list[Pilot[None]], true: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        for pilot in pilots:
            await pilot.pause(0.05)


def table(app: EdmApp) -> RunsScreen:
    assert isinstance(app.screen, RunsScreen)
    return app.screen


def go_to(app: EdmApp, name: str) -> None:
    row = next(row for row in load_runs(app.services.workspace).rows if row.name == name)
    table(app).table.go_to(row.row_id)


async def test_two_screens_and_a_command_line_queue(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    for seed, name in enumerate(("one", "two", "three")):
        make_run(workspace, name, seed=seed)
    first, second = (EdmApp(workspace, load_runs(workspace)) for _ in range(2))
    async with first.run_test(size=(150, 30)) as left, second.run_test(size=(150, 30)) as right:
        for app, name in ((first, "one"), (second, "two")):
            go_to(app, name)
        command = subprocess.Popen(
            [PYTHON, "-m", "edm_core.cli.main", "keep", "three"], cwd=workspace.root, env=plain_env(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        await left.press("K")
        await right.press("K")
        await until([left, right], lambda: command.poll() is not None)
        await until([left, right], lambda: not first.services.running and not second.services.running)
        out, error = await asyncio.to_thread(command.communicate)
        assert command.returncode == 0, f"{out}\n{error}"
        errors = [one.message for app in (first, second) for one in app._notifications if one.severity == "error"]
        assert errors == []
    assert {state.word for state in data_states(workspace).values()} == {"kept"}
    assert git(workspace.root, "status", "--porcelain") == ""
    assert dvc(workspace.root, "status", "--json") == "{}"
    assert git(workspace.root, "log", "--format=%s").count("Keep run") == 3
    nothing_interleaves(workspace.journal_path)
    assert examine(workspace).findings == ()


@pytest.fixture
def mate(tmp_path: Path) -> Workspace:
    """A teammate's clone of a workspace in which a run was kept and pushed."""
    workspace = new_workspace(tmp_path, remote=True, git_remote=True)
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    git(tmp_path, "clone", "-q", "origin.git", "mate")
    root = tmp_path / "mate"
    init_workspace(root, {})
    return find_workspace(root, {})


async def test_a_teammates_run_is_a_row_with_its_metrics_before_anything_is_downloaded(
    mate: Workspace, tmp_path: Path
) -> None:
    app = EdmApp(mate, load_runs(mate))
    async with app.run_test(size=(150, 30)) as pilot:
        go_to(app, "cnn")
        (row,) = table(app).targets()
        assert (row.data_state.symbol, row.status, row.run_id) == ("✗", "FINISHED", "")
        assert row.params["learning_rate"] == "0.001"
        assert row.metrics["val_loss"].last == 0.3
        assert row.metrics["val_loss"].best == 0.2
        assert not (mate.runs_dir / "cnn").exists()
        assert not list((mate.root / ".dvc/cache").rglob("*.dir"))
        await pilot.pause()
        line = next(text for y in range(10) if "cnn" in (text := table(app).table.render_line(y).text))
        assert "✗" in line
        assert "0.3000" in line or "0.2000" in line
        await pilot.press("p")
        await until([pilot], lambda: data_states(mate)["cnn"].word == "pushed")
        await until([pilot], lambda: not app.services.running)
    assert contents(mate.runs_dir / "cnn") == contents(tmp_path / "project/outputs/training/cnn")
