"""`f`: completion, the place of a fault, and the answer, on a real store of MLflow's."""

import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import Input

from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.query import direct_matches
from edm_core.workspace import Workspace
from edm_tui.app import EdmApp
from edm_tui.dialogs.query_prompt import QueryPrompt
from edm_tui.screens.runs import RunsScreen
from tests.support.rows import a_metric, a_row, an_app
from tests.support.stores import copied, log_run, many_kinds, new_workspace
from tests.tui.test_app_runs import settled

SIZES = [(200, 50), (80, 24)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = new_workspace(tmp_path_factory.mktemp("prompt") / "ws")
    many_kinds(made)
    return made


def prompt(app: EdmApp) -> QueryPrompt:
    assert isinstance(app.screen, QueryPrompt)
    return app.screen


def helped(app: EdmApp) -> str:
    return str(prompt(app).help.render())


@pytest.mark.parametrize("size", SIZES)
async def test_names_are_completed_and_the_store_answers(workspace: Workspace, size: tuple[int, int]) -> None:
    app = EdmApp(workspace)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("f")
        await settled(pilot)
        await pilot.press(*"met", "tab", *"loss", "tab")
        assert prompt(app).query_one(Input).value == "metrics.`group/loss value`"
        await pilot.press("space")
        assert helped(app).split() == [">", ">=", "!=", "=", "<", "<="]
        await pilot.press("down", "tab", *" 0.5 or NOT (metrics.val_l", "tab", *" >= 0)")
        await pilot.press("enter")
        await settled(pilot)
        query = "metrics.`group/loss value` >= 0.5 or NOT (metrics.val_loss >= 0)"
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        found = direct_matches(workspace, query)
        assert found is not None
        assert {row.run_id for row in screen.table.rows} == set(found.run_ids)
        assert {row.name for row in screen.table.rows} == {"odd name % _ 'ü' 雪", "only_nan", "nan_last", "empty"}


async def test_runs_that_come_later_are_in_the_answer(workspace: Workspace, tmp_path: Path) -> None:
    mine = copied(workspace, tmp_path / "ws")
    app = EdmApp(mine)
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        await pilot.press("f", *"params.kind = 'late'", "enter")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        assert len(screen.table.rows) == 0
        client = mlflow_client(mine)
        log_run(client, ensure_experiment(client, mine), "late", start=9_000_000, params={"kind": "late"})
        await pilot.press("r")
        await settled(pilot)
        assert [row.name for row in screen.table.rows] == ["late"]


@pytest.mark.parametrize("size", SIZES)
async def test_a_fault_is_shown_in_its_place_and_can_be_mended(tmp_path: Path, size: tuple[int, int]) -> None:
    app, _ = an_app(tmp_path, [a_row("one", metrics={"val_loss": a_metric(0.5)}), a_row("two")])
    async with app.run_test(size=size) as pilot:
        await pilot.press("f", *"metrics.val_loss < 'x'", "enter")
        await settled(pilot)
        lines = helped(app).split("\n")
        assert lines[1].index("^") == lines[0].index("'x'")
        assert "a number" in lines[2]
        assert prompt(app).query_one(Input).cursor_position == len("metrics.val_loss < ")
        await pilot.press("delete", "delete", "delete", "1", "enter")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        assert [row.name for row in screen.table.rows] == ["one"]


async def test_tab_and_arrows_without_an_offer_leave_the_text_alone(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, [a_row("one")])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f", *"params.a = 'zz", "tab", "down", "up", "tab")
        assert prompt(app).query_one(Input).value == "params.a = 'zz"
        await pilot.press("escape")
        await settled(pilot)
        assert isinstance(app.screen, RunsScreen)


def test_a_query_never_brings_mlflow_into_the_interface(workspace: Workspace) -> None:
    code = f"""
import asyncio, pathlib, sys
from edm_core.workspace import find_workspace
from edm_tui.services import Services
import edm_tui.dialogs.query_prompt
services = Services(find_workspace(pathlib.Path({str(workspace.root)!r})))
matches = asyncio.run(services.matching("metrics.val_loss < 1 OR params.lr IS NULL"))
names = asyncio.run(services.query_names())
heavy = sorted({{"mlflow", "sqlalchemy", "dvc"}} & set(sys.modules))
print(len(matches.run_ids) > 3, "val_loss" in names.metrics, heavy)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[0] == "True True []"
