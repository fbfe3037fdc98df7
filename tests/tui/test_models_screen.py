"""Models and the command log: lists that load, name their targets by id and copy."""

import json
import time
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Label

from edm_core.commandlog import CommandRecord, record_command
from edm_core.diff.document import document
from edm_core.errors import ActionError
from edm_core.snapshots.diff import DiffEntry, RunDiff
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import DataState
from edm_tui.going_on import Act
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
    tags={
        "edm.run_name": "mert", "edm.history.1": json.dumps(HISTORY), "edm.registered_by": "ana@gpu1",
        "edm.metrics": '{"val_loss": 0.0287}', "edm.tracks": '{"t1": 0.25, "t2": 1}', "edm.format": "pt2",
    },
)  # fmt: skip
V4 = ModelVersion("EDMModel", 4, "None", (), "r4", tags={"edm.run_name": "cnn"})


async def settled(app: App[None], pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


def texts(app: App[None], selector: str = "#list") -> str:
    return "\n".join(line.text.plain for line in app.screen.query_one(selector, LineList).lines)


# Models ---------------------------------------------------------------------------


def test_a_version_shows_stage_run_metric_data_state_and_who() -> None:
    _, lines = version_lines((V4, V3), {"EDMModel/3": DataState.PUSHED}, "val_loss", 10.0, 120, ascii_only=True)
    assert [line.key for line in lines] == ["EDMModel/4", "EDMModel/3"]
    shown = lines[1].text.plain
    for part in ("v3", "Production", "mert", "0.0287", "v pushed", "ana@gpu1"):
        assert part in shown
    assert "cnn" in lines[0].text.plain
    _, narrow = version_lines((V4, V3), {}, "val_loss", 10.0, 80)
    assert all(line.text.cell_len <= 80 for line in narrow)


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
        await pilot.press("y")
        assert models.clipboard == "models:/EDMModel/3"
        for part in ("run id  r3", "pt2: a graph without code", "2 scored", "promote Staging → Production by you"):
            assert part in " ".join(texts(models, "#detail").split("\n")).replace("    ", "  "), part
        assert "edm.history" not in texts(models, "#detail")


async def test_the_pane_takes_the_keys_and_on_a_narrow_screen_the_place_of_the_list(models: HostApp) -> None:
    async with models.run_test(size=(80, 24)) as pilot:
        await settled(models, pilot)
        assert not models.screen.query_one("#detail").display
        await pilot.press("j", "enter")
        await settled(models, pilot)
        assert models.screen.query_one("#detail").display
        assert not models.screen.query_one("#list").display
        await pilot.press("j", "j", "y")
        assert models.clipboard
        assert isinstance(models.screen, ModelsScreen)
        assert models.screen.version == V3
        await pilot.press("escape")
        await settled(models, pilot)
        assert models.screen.query_one("#list").display


async def test_marks_choose_what_is_compared_and_keys_name_one_version(models: HostApp) -> None:
    async with models.run_test(size=(150, 40)) as pilot:
        await settled(models, pilot)
        screen = models.screen
        assert isinstance(screen, ModelsScreen)
        assert [version.version for version in screen.compared] == [3, 4]
        await pilot.press("j")
        assert "mark two" in screen.reason("diff")
        await pilot.press("k")
        await pilot.press("space", "j", "space")
        await settled(models, pilot)
        assert [version.version for version in screen.chosen] == [4, 3]
        assert "one version at a time" in screen.reason("promote")
        assert "2 marked" in screen.query_one("#status", StatusLine).text
        assert texts(models).count("●") == 2
        await pilot.press("escape")
        assert [version.version for version in screen.chosen] == [3]
        assert "no one in Production before" in screen.reason("roll_back")
        await pilot.press("A", *"champion", "enter")
        await pilot.pause()
        await pilot.press("A", *"-production", "enter")
        await pilot.pause()
        await pilot.press("w", "enter")
        await pilot.pause()
        assert [request.argv for request in models.requests] == [
            ("models", "alias", "set", "champion", "EDMModel/3"),
            ("models", "alias", "delete", "production", "--model", "EDMModel"),
            ("models", "download", "EDMModel/3", "--output=EDMModel-v3"),
        ]


async def test_a_slash_narrows_as_it_is_typed_and_says_how_many_are_left(models: HostApp) -> None:
    async with models.run_test(size=(120, 40)) as pilot:
        await settled(models, pilot)
        screen = models.screen
        assert isinstance(screen, ModelsScreen)
        await pilot.press("/", *"mert")
        await settled(models, pilot)
        assert [version.version for version in screen.shown] == [3]
        assert "1 of 2" in str(screen.query_one("#filter-count", Label).render())
        await pilot.press("enter")
        await settled(models, pilot)
        assert screen.version == V3
        assert "1 shown: mert (esc clears)" in screen.status_text()
        await pilot.press("escape")
        await settled(models, pilot)
        assert (len(screen.shown), screen.filter) == (2, "")
        await pilot.press("/", *"@production !cnn", "enter")
        assert [version.version for version in screen.shown] == [3]
        await pilot.press("/", "x", "enter")
        await settled(models, pilot)
        assert screen.shown == []
        assert screen.reason("promote") == "no version"


async def test_checks_run_whatever_screen_is_in_front_and_their_word_stays(models: HostApp) -> None:
    models.services.answers["models verify"] = {"title": "it is as it was registered", "detail": "checkpoint b7a5"}
    models.errors = []
    async with models.run_test(size=(120, 40)) as pilot:
        await settled(models, pilot)
        await pilot.press("j", "i")
        await settled(models, pilot)
        assert models.services.queries == [("models", "verify", "EDMModel/3")]
        assert "passed at" in texts(models, "#detail")
        assert "checkpoint b7a5" in texts(models, "#detail")

        async def refuse(*argv: str, **_: object) -> dict[str, object]:
            raise ActionError("no wheels", "give some")

        models.services.query = refuse  # type: ignore[method-assign]
        await pilot.press("S")
        await settled(models, pilot)
        assert models.errors == ["serve check EDMModel v3: no wheels"]
        assert "no wheels" in texts(models, "#detail")
        models.services.going_on.acts.append(Act("serve check EDMModel v3", doing="installing"))
        assert models.screen.reason("serve_check") == "it goes on already"  # type: ignore[attr-defined]
        assert models.services.running == ["serve check EDMModel v3: installing"]


async def test_versions_are_compared_in_two_looks(models: HostApp, monkeypatch: pytest.MonkeyPatch) -> None:
    here = RunDiff(("", ""), ("v3 mert", "v4 cnn"), {"version": (DiffEntry("stage", ("Production", "None")),)})
    whole = RunDiff(here.run_ids, here.names, {"version": (*here.sections["version"], DiffEntry("inputs", ("a", "b")))})
    monkeypatch.setattr("edm_core.diff.versions.diff_versions", lambda *_: here)
    models.services.answers["models diff"] = document(whole, True)
    async with models.run_test(size=(120, 40)) as pilot:
        await settled(models, pilot)
        await pilot.press("d")
        await settled(models, pilot)
        assert models.services.queries == [("models", "diff", "EDMModel/3", "EDMModel/4", "--all")]
        assert "inputs" in texts(models)
        await pilot.press("b")
        await settled(models, pilot)
        assert models.services.queries[-1] == ("models", "diff", "EDMModel/4", "EDMModel/3", "--all")


async def test_the_first_versions_are_shown_before_all_are_read(models: HostApp) -> None:
    many = tuple(ModelVersion("EDMModel", number) for number in range(300, 0, -1))
    asked: list[int | None] = []

    async def some(limit: int | None = None) -> tuple[ModelVersion, ...]:
        asked.append(limit)
        screen = models.screen
        assert isinstance(screen, ModelsScreen)
        if limit is None:
            assert len(screen.versions) == 100
            assert "100 versions and more" in screen.status_text()
        return many[:limit]

    models.services.models = some  # type: ignore[method-assign]
    async with models.run_test(size=(120, 40)) as pilot:
        screen = models.screen
        assert isinstance(screen, ModelsScreen)
        await settled(models, pilot)
        assert asked == [100, None]
        assert "300 versions" in screen.status_text()


async def test_an_alias_that_left_its_stage_is_said(models: HostApp) -> None:
    astray = ModelVersion("EDMModel", 3, "Production", (), "r3")
    models.services.model_list = (V4, astray)
    async with models.run_test(size=(120, 40)) as pilot:
        await settled(models, pilot)
        assert "@production is not v3: `edm doctor --fix`" in models.screen.query_one("#status", StatusLine).text


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
