"""Models and the command log: lists that load, name their targets by id and copy."""

import json
import time
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from edm_core.commandlog import CommandRecord, record_command
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import DataState, MetricSummary, RunRow
from edm_tui.screens.commands_log import CommandsLogScreen, command_lines, key_of
from edm_tui.screens.models import ModelsScreen
from edm_tui.widgets.cells import Column, cut, layout, plain
from edm_tui.widgets.line_list import Line, LineList
from edm_tui.widgets.status_line import StatusLine
from edm_tui.widgets.version_table import version_lines
from tests.support.tui_host import HostApp, a_workspace

HISTORY = {
    "id": "m-0001", "at_ms": 1000, "who": "you", "kind": "promote", "from_stage": "Staging", "to_stage": "Production",
    "reason": "better live", "gates": [], "replaced": [2],
}  # fmt: skip
V3 = ModelVersion(
    "EDMModel", 3, "Production", ("production",), "r3", created_ms=1000,
    tags={"edm.run_name": "mert", "edm.history.1": json.dumps(HISTORY)},
)  # fmt: skip
V4 = ModelVersion("EDMModel", 4, "None", (), "r4", tags={"edm.run_name": "cnn"})


async def settled(app: App[None], pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


def texts(app: App[None], selector: str = "#list") -> str:
    return "\n".join(line.text.plain for line in app.screen.query_one(selector, LineList).lines)


# Models ---------------------------------------------------------------------------


def test_a_version_shows_stage_run_metric_and_data_state() -> None:
    row = RunRow("r3", "mert95m", metrics={"val_loss": MetricSummary(0.3, 9, 0.0287, 7)}, data_state=DataState.PUSHED)
    _, lines = version_lines((V4, V3), {"r3": row}, "val_loss", 10.0, 120, ascii_only=True)
    assert [line.key for line in lines] == ["EDMModel/4", "EDMModel/3"]
    shown = lines[1].text.plain
    for part in ("v3", "Production", "mert95m", "0.0287", "v pushed"):
        assert part in shown
    assert "cnn" in lines[0].text.plain


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostApp:
    monkeypatch.setattr("edm_core.stores.runs.load_rows", lambda workspace, ids: ())
    app = HostApp(a_workspace(tmp_path), lambda: ModelsScreen(()))
    app.services.model_list = (V4, V3)
    return app


async def test_the_history_is_below_and_verbs_that_cannot_run_say_why(models: HostApp) -> None:
    async with models.run_test(size=(120, 40)) as pilot:
        await settled(models, pilot)
        screen = models.screen
        assert isinstance(screen, ModelsScreen)
        assert "better live" in texts(models, "#history")
        assert "Production: EDMModel v3" in screen.query_one("#status", StatusLine).text
        assert screen.version == V4
        assert screen.reason("promote") == ""
        assert screen.reason("demote") == "no step down"
        await pilot.press("j")
        assert screen.version == V3
        assert screen.reason("promote") == "already in Production"
        await pilot.press("enter")
        await settled(models, pilot)
        assert "run id: r3" in texts(models)
        assert "edm.history" not in texts(models)
        await pilot.press("y")
        assert models.clipboard == "models:/EDMModel/3"


async def test_the_cursor_stays_on_its_version_when_the_list_changes(models: HostApp) -> None:
    async with models.run_test(size=(120, 40)) as pilot:
        await settled(models, pilot)
        await pilot.press("j")
        models.services.model_list = (ModelVersion("EDMModel", 5), V4, V3)
        await pilot.press("r")
        await settled(models, pilot)
        assert isinstance(models.screen, ModelsScreen)
        assert models.screen.version == V3


# The command log --------------------------------------------------------------------


def test_a_failed_command_says_so_and_opens_to_what_it_said() -> None:
    record = CommandRecord(10.0, 0.25, "git push \x1b[31mevil", "/w", 1, "fatal: no\nremote")
    _, lines = command_lines((record,), frozenset({key_of(record)}), 70.0, 100)
    shown = "\n".join(line.text.plain for line in lines)
    assert "failed 1" in shown
    assert "250 ms" in shown
    assert "fatal: no" in shown
    assert "\x1b" not in shown


async def test_commands_are_newest_first_and_y_copies(tmp_path: Path) -> None:
    workspace = a_workspace(tmp_path)
    for name in ("one", "two"):
        record_command(workspace.command_log_path, ["git", name], tmp_path, time.time(), 0)
    app = HostApp(workspace, lambda: CommandsLogScreen(()))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        first, second = texts(app).splitlines()
        assert first.endswith("git two")
        assert second.endswith("git one")
        await pilot.press("j", "y")
        assert app.clipboard == "git one"
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press(*"TWO")
        await settled(app, pilot)
        assert texts(app).endswith("git two")
        assert "git one" not in texts(app)
        await pilot.press("enter")
        await settled(app, pilot)
        await pilot.press("escape")
        await settled(app, pilot)
        assert "git one" in texts(app)


# The list they share ----------------------------------------------------------------


async def test_the_cursor_passes_over_headings_and_keeps_its_key(tmp_path: Path) -> None:
    from rich.text import Text

    app = HostApp(a_workspace(tmp_path), lambda: CommandsLogScreen(()))
    async with app.run_test(size=(60, 12)) as pilot:
        await settled(app, pilot)
        view = app.screen.query_one("#list", LineList)
        view.set_lines([Line(Text("head")), *(Line(Text(f"row {n}"), f"k{n}") for n in range(50))])
        assert view.key == "k0"
        await pilot.press("G")
        assert view.key == "k49"
        await pilot.press("g", "j")
        assert view.key == "k1"
        view.set_lines([Line(Text(f"row {n}"), f"k{n}") for n in range(1, 9)])
        assert view.key == "k1"
        view.set_lines([Line(Text("other"), "x")])
        assert view.key == "x"
        view.set_lines([])
        assert view.key == ""


def test_cells_are_plain_cut_and_aligned() -> None:
    assert plain("a\x1b]0;title\x07b\x1b[31mc\u202e\n") == "abc? "
    assert cut("音音音", 5) == "音音…"
    header, lines = layout((Column("name", flex=True), Column("n", right=True)), [["x" * 40, "1"], ["音", "22"]], 20)
    assert {line.cell_len for line in (header, *lines)} == {20}
    assert lines[0].plain.endswith(" 1")
