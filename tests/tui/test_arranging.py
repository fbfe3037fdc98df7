"""Arranging the run table by keys: order, columns, groups, baseline, views, experiments, export; what is remembered."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.protocols import Experiment
from edm_core.table.memory import recall
from edm_core.table.saved import saved_views
from edm_tui.app import EdmApp
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.pick import ListDialog
from edm_tui.dialogs.sort import SortDialog
from edm_tui.messages import StoreChanged
from edm_tui.screens.diff import DiffScreen
from edm_tui.screens.runs import RunsScreen
from edm_tui.widgets.status_line import StatusLine
from tests.support.rows import a_metric, a_row, an_app

WIDE = (200, 30)


def some_rows() -> list[RunRow]:
    return [
        a_row("a", params={"lr": "0.1", "seed": "1"}, metrics={"val_loss": a_metric(0.5), "acc": a_metric(0.7)}),
        a_row("b", params={"lr": "0.01", "seed": "1"}, metrics={"val_loss": a_metric(0.3), "acc": a_metric(0.9)}),
        a_row("c", params={"lr": "0.1", "seed": "2"}, metrics={"val_loss": a_metric(0.4)}, tags={"kind": "trial"}),
        a_row("d", params={"lr": "0.01", "seed": "2"}, metrics={"val_loss": a_metric(0.2)}),
    ]


def runs(app: EdmApp) -> RunsScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, RunsScreen)
    return screen


def names(app: EdmApp) -> str:
    table = runs(app).table
    return "".join(row.name for line in range(len(table.arrangement)) if (row := table.arrangement.row(line)))


def titles(app: EdmApp) -> list[str]:
    return [column.field.name for column in runs(app).table.columns]


def status(app: EdmApp) -> str:
    return runs(app).query_one(StatusLine).text


async def settled(pilot: Pilot[None]) -> None:
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.pause(0.01)
    await pilot.pause()


async def search(pilot: Pilot[None], text: str) -> None:
    """Search in the dialog that is open, and go back to its list."""
    await pilot.press("slash", *text, "enter")
    await pilot.pause()


async def test_sort_by_one_field_turn_it_round_and_add_a_second(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("s")
        await search(pilot, "best:val_loss")
        await pilot.press("enter")
        assert names(app) == "dbca"
        await pilot.press("S")
        assert names(app) == "acbd"
        await pilot.press("s", "0")
        assert names(app) == "abcd"
        await pilot.press("s")
        assert isinstance(app.screen, SortDialog)
        await search(pilot, "param:lr")
        await pilot.press("space", "escape")
        await search(pilot, "param:seed")
        await pilot.press("space", "S", "enter")
        assert names(app) == "dbca"
        header = runs(app).table.render_line(0).text
        assert "lr ▴1" in header or "param:lr" not in titles(app)
        assert [str(key) for key in runs(app).memory.view.sort] == ["param:lr ASC", "param:seed DESC"]


async def test_clicking_headers_sorts(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        x = runs(app).table.render_line(0).text.index("val_loss")
        await pilot.click("#runs", offset=(x, 0))
        await pilot.pause()
        assert names(app) == "dbca"
        await pilot.click("#runs", offset=(x, 0))
        await pilot.pause()
        assert names(app) == "acbd"


async def test_columns_are_chosen_moved_widened_and_remembered(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("c")
        await search(pilot, "tag:kind")
        await pilot.press("space", "+", "+", "escape")
        await search(pilot, "metric:acc")
        await pilot.press("space", "escape", "g", "j", "space", "enter")
        await settled(pilot)
        assert "state" not in titles(app)
        assert titles(app)[-2:] == ["metric:acc", "tag:kind"]
        assert services.read[-1] == (None, ("val_loss", "acc"))
        await pilot.press("c", "G", "K")
        assert isinstance(app.screen, ListDialog)
        await search(pilot, "tag:kind")
        await pilot.press("K", "enter")
        await settled(pilot)
    again, _ = an_app(tmp_path, some_rows())
    async with again.run_test(size=WIDE) as pilot:
        assert "tag:kind" in titles(again)
        assert next(c.width for c in runs(again).table.columns if c.field.name == "tag:kind") == 14
        await pilot.press("c", "u")
        await settled(pilot)
        assert titles(again)[1] == "state"
    assert recall(services.workspace).view.columns == ()


async def test_where_runs_have_other_metrics_than_edm_toml_says_theirs_are_shown(tmp_path: Path) -> None:
    rows = [a_row(name, metrics={"wer": a_metric(0.5), "system/cpu": a_metric(1.0)}) for name in "ab"]
    app, services = an_app(tmp_path, rows)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert [name for name in titles(app) if ":" in name] == ["metric:wer", "best:wer"]
        assert services.read[-1] == (None, ("wer",))
        count = len(services.read)
        await pilot.press("r")
        await settled(pilot)
        assert len(services.read) == count + 1


async def test_columns_that_were_not_changed_and_esc_change_nothing(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        before = titles(app)
        for keys in (("c", "enter"), ("c", "j", "space", "escape"), ("c", "space", "enter"), ("s", "escape")):
            await pilot.press(*keys)
            await settled(pilot)
            assert titles(app) == before
            assert len(app.screen_stack) == 1
        assert runs(app).memory.view.columns == ()


async def test_groups_fold_with_enter_and_minus_and_a_group_is_no_run(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("B")
        await search(pilot, "param:lr")
        await settled(pilot)
        assert len(runs(app).table.arrangement) == 2
        assert "by param:lr (B)" in status(app)
        await pilot.press("K")
        assert services.asked == []
        await pilot.press("g", "enter")
        assert names(app) == "bd"
        await pilot.press("j", "minus")
        assert names(app) == ""
        await pilot.press("equals_sign")
        assert names(app) == "bdac"
        await pilot.press("equals_sign")
        assert names(app) == ""
        await pilot.press("space")
        assert {row.name for row in runs(app).targets()} == {"b", "d"}
        runs(app).open_run("id-c")
        await settled(pilot)
        assert runs(app).table.cursor_id == "id-c"
        assert runs(app).has_class("-open")


async def test_the_baseline_is_set_compared_with_and_cleared(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("j", "b")
        await settled(pilot)
        assert "delta:val_loss" in titles(app)
        assert "vs b (esc clears)" in status(app)
        await pilot.press("k", "d")
        await settled(pilot)
        assert isinstance(app.screen, DiffScreen)
        assert app.screen.rows[0].name == "b", "the chosen baseline comes first"
        await pilot.press("escape")
        await settled(pilot)
        text = "\n".join(runs(app).table.render_line(y).text for y in range(1, 5))
        assert "0.2000 worse" in text
        assert "0.1000 better" in text
        services.rows = [row for row in some_rows() if row.name != "b"]
        await pilot.press("r")
        await settled(pilot)
        # Gone from the table, it is still what the others are compared with.
        assert "0.1000 better" in "\n".join(runs(app).table.render_line(y).text for y in range(1, 5))
        services.rows = some_rows()
        await pilot.press("r")
        await settled(pilot)
        runs(app).table.go_to("id-b")
        await pilot.press("b")
        await settled(pilot)
        assert "delta:val_loss" not in titles(app)
        await pilot.press("b", "slash", *"a", "enter", "escape")
        await settled(pilot)
        assert "delta:val_loss" in titles(app)
        await pilot.press("escape")
        await settled(pilot)
        assert "delta:val_loss" not in titles(app)
    assert recall(services.workspace).baseline == ""


async def test_cursor_and_marks_survive_sort_filter_refresh_insertion_and_deletion(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("j", "space", "j", "space")
        assert runs(app).table.cursor_id == "id-c"
        await pilot.press("s", "enter", "S")
        assert runs(app).table.cursor_id == "id-c"
        await pilot.press("slash", "c", "enter")
        assert [row.name for row in runs(app).targets()] == ["c"]
        await pilot.press("escape")
        services.rows = [a_row("new"), *some_rows()[2:], a_row("older")]
        runs(app).stores_changed(StoreChanged(("runs",)))
        await settled(pilot)
        assert runs(app).table.cursor_id == "id-c"
        assert [row.name for row in runs(app).targets()] == ["c"]
        services.rows = [a_row("b"), *some_rows()[3:]]
        runs(app).stores_changed(StoreChanged(("runs",)))
        await settled(pilot)
        assert [row.name for row in runs(app).targets()] == ["b"]
        await pilot.press("K")
        await settled(pilot)
        assert services.asked == [("keep", "id-b")]


async def test_a_view_is_saved_chosen_and_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("s")
        await search(pilot, "best:val_loss")
        await pilot.press("enter", "f", *"metrics.val_loss < 0.45", "enter")
        await settled(pilot)
        await pilot.press("slash", *"!c", "enter")
        await pilot.press("V", "s", *"good", "enter")
        await settled(pilot)
        (saved,) = saved_views(services.workspace)
        assert (saved.name, saved.view.query, saved.view.name) == ("good", "metrics.val_loss < 0.45", "!c")
        assert "view good" in status(app)
        await pilot.press("escape", "escape", "s", "0")
        assert names(app) == "abcd"
        assert "view good" not in status(app)
        await pilot.press("V", "enter")
        await settled(pilot)
        assert names(app) == "db"
        assert "esc clears the name, then the query" in status(app)
        await pilot.press("V", "s", "enter")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("escape", "V", "d")
        await settled(pilot)
        assert saved_views(services.workspace) == ()
        assert names(app) == "db"


async def test_another_experiment_is_shown_and_remembered(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    services.known_experiments = (Experiment("1", "edm-training", "", 4), Experiment("2", "other", "", 1))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("E")
        await settled(pilot)
        services.rows = [a_row("x", experiment="other")]
        await pilot.press("G", "enter")
        await settled(pilot)
        assert services.read[-1][0] == "other"
        assert names(app) == "x"
        assert "· other ·" in status(app)
        await pilot.press("E")
        await settled(pilot)
        await pilot.press("g", "enter")
        await settled(pilot)
        assert services.read[-1][0] == "*"
        assert "all experiments" in status(app)
        assert "experiment" in titles(app)
    assert recall(services.workspace).experiment == "*"


async def test_export_writes_what_is_shown_and_replaces_only_when_told(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash", *"!a", "enter", "s")
        await search(pilot, "best:val_loss")
        await pilot.press("enter", "o", "enter")
        await settled(pilot)
        with (tmp_path / "runs.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["run"] for row in rows] == ["d", "b", "c"]
        assert rows[0]["best:val_loss"] == "0.2"
        assert rows[0]["run_id"] == "id-d"
        await pilot.press("escape", "o", "enter")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("escape")
        assert len((tmp_path / "runs.csv").read_text().splitlines()) == 4
        await pilot.press("o", "enter")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert len((tmp_path / "runs.csv").read_text().splitlines()) == 5
        await pilot.press("o", "ctrl+u", *"x.json", "enter")
        await settled(pilot)
        assert [row["run"] for row in json.loads((tmp_path / "x.json").read_text())] == ["d", "b", "c", "a"]
        await pilot.press("o", "ctrl+u", *"x.doc", "enter")
        await settled(pilot)
        await pilot.press("o", "ctrl+u", *"gone/x.csv", "enter")
        await settled(pilot)
        told = [one.message for one in app._notifications]
        assert any("ends in none of" in message for message in told)
        assert any("cannot be written" in message for message in told)


async def test_deleting_in_mlflow_and_restoring(tmp_path: Path) -> None:
    rows = [replace(some_rows()[0], model="v1"), *some_rows()[1:]]
    app, services = an_app(tmp_path, rows)
    gone = {"run_id": "id-gone", "name": "gone", "start": "2023-11-14T22:13:20.000+00:00", "experiment": "edm-training"}
    services.documents = {("runs", "list", "--deleted"): {"runs": [gone]}}
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("j")
        runs(app).action_verb("delete")
        await settled(pilot)
        assert services.asked == [("runs", "delete", "id-b")]
        await pilot.press("k")
        runs(app).action_verb("delete")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("enter")
        await settled(pilot)
        assert services.asked[1:] == [("runs", "delete", "id-a", "--force")]
        await pilot.press("colon", *"undelete")
        await settled(pilot)
        await pilot.press("enter", "enter")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert services.asked[2:] == [("runs", "restore", "id-gone")]


async def test_curves_are_read_of_the_runs_in_view_once(tmp_path: Path) -> None:
    bare = MetricSummary(0.5, 3, 0.5, 3)
    rows = [a_row(f"run{number:03}", metrics={"val_loss": bare}) for number in range(200)]
    app, services = an_app(tmp_path, rows)
    services.curves = {row.run_id: {"val_loss": a_metric(0.9, 0.7, 0.5)} for row in rows[:-1]}
    async with app.run_test(size=(120, 24)) as pilot:
        await settled(pilot)
        table = runs(app).table
        assert "█▄▁" in table.render_line(1).text
        ((asked, metrics),) = services.looked
        assert (asked[0], len(asked), metrics) == ("id-run000", table.page, ("val_loss",))
        await pilot.press("j", "k")
        await settled(pilot)
        assert len(services.looked) == 1
        await pilot.press("G", "k", "j")
        await settled(pilot)
        assert "█▄▁" in table.render_line(table.page - 1).text
        # The last one has none: it is not asked at each move.
        assert len(services.looked) == 2
