"""The Charts screen: list, grid and one enlarged chart, by keyboard alone; live points; export."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from edm_core.actions.chart_export import save_chart
from edm_core.curves.figure import Chart
from edm_core.curves.history import History, Span, Timed, reduced, within
from edm_core.errors import EdmError, StoreError
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import StoreChanged
from edm_tui.screens.charts import ChartGridScreen, ChartsScreen
from edm_tui.widgets.filter_bar import FilterBar
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.status_line import StatusLine
from edm_tui.widgets.text_line import TextLine
from tests.support.tui_host import FakeServices, HostApp, a_workspace

ROWS = (RunRow("r1", "first", "RUNNING", 0), RunRow("r2", "[b]second[/b]\x1b[31m", "FINISHED", 0))


def timed(values: Sequence[float], every: int = 1) -> list[Timed]:
    return [(every * step, 1000 * step, value) for step, value in enumerate(values)]


class Histories(FakeServices):
    """Answers with `points`; `spans` has the stretches that were asked for in detail."""

    def __init__(self, app: HostApp) -> None:
        super().__init__(app.services.workspace)
        self.points: dict[str, dict[str, list[Timed]]] = {}
        self.spans: list[Span] = []
        self.error: EdmError | None = None

    async def histories(
        self, row: RunRow, keys: Sequence[str] | None = None, parts: int = 0, span: Span | None = None,
        known: Mapping[str, History] | None = None,
    ) -> dict[str, History]:  # fmt: skip
        if self.error is not None:
            raise self.error
        if span is not None:
            self.spans.append(span)
        found = {}
        for key, points in self.points.get(row.row_id, {}).items():
            if keys is None or key in keys:
                old = (known or {}).get(key)
                new = reduced(within(points, span), parts or 50, exact=200)
                found[key] = old if old is not None and old == new else new
        return found


def curves(shift: float = 0.0) -> dict[str, list[Timed]]:
    return {
        "train_loss": timed([1 / (1 + step) + shift for step in range(20)]),
        "val_loss": timed([1.5 / (1 + step) + shift for step in range(20)]),
        "f1": timed([step / 20 for step in range(20)]),
        "lr": timed([0.1, math.nan, 0.01]),
        "best_val_loss": timed([0.05]),
    }


def a_host(folder: Path, screen: type[ChartsScreen], rows: Sequence[RunRow] = ROWS) -> tuple[HostApp, Histories]:
    app = HostApp(a_workspace(folder), lambda: screen(rows))
    app.services = services = Histories(app)
    services.points = {"r1": curves(), "r2": curves(0.2)}
    return app, services


async def settled(app: App[None], pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


def shown(app: HostApp) -> ChartsScreen:
    assert isinstance(app.screen, ChartsScreen)
    return app.screen


def titles(screen: ChartsScreen) -> list[str]:
    return [panel.key for panel in screen.pane.panels]


def status(screen: ChartsScreen) -> str:
    return screen.query_one("#status", StatusLine).text


async def test_the_list_has_every_metric_of_every_run_with_last_and_best(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartsScreen)
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(app, pilot)
        lines = {line.key: line.text.plain for line in shown(app).metric_list.lines}
        assert len(lines) == 10
        assert "0.0750" in lines["loss\nval_loss\nr1"]
        assert "19" in lines["f1\nf1\nr1"].split()
        assert "first" in lines["f1\nf1\nr1"]
        assert not any("\x1b" in line for line in lines.values())
        assert next(iter(lines)).startswith("loss\n")


async def test_one_chart_holds_training_and_validation_of_all_runs(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartGridScreen)
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        assert titles(screen) == ["loss", "f1", "lr", "best_val_loss"]
        loss = screen.pane.panels[0]
        assert [line.dashed for line in loss.lines] == [False, True, False, True]
        assert loss.colours[0] == loss.colours[1] != loss.colours[2]
        assert loss.lines[0].mark != loss.lines[2].mark
        legend = screen.query_one("#legend", TextLine).text
        assert loss.lines[0].mark in legend
        assert "first" in legend


async def test_enter_enlarges_and_escape_steps_out_by_layers(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartsScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        await pilot.press("v")
        assert screen.pane.display
        assert titles(screen)[0] == "loss"
        await pilot.press("right", "enter")
        await settled(app, pilot)
        assert titles(screen) == ["f1"]
        await pilot.press("pagedown")
        assert titles(screen) == ["lr"]
        await pilot.press("escape")
        assert screen.title_now == "lr"
        assert len(titles(screen)) > 1
        await pilot.press("2")
        assert screen.metric_list.display
        assert screen.metric_list.key.startswith("lr\n")
        await pilot.press("escape")
        assert not isinstance(app.screen, ChartsScreen)


async def test_the_value_cursor_reads_every_run_at_a_step(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartsScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        await pilot.press("enter", "G", "left", "left")
        assert screen.cursor == 17
        panel = screen.pane.panels[0]
        foot = "\n".join(line.plain for line in panel.foot)
        assert f"{1 / 18:.4f}" in foot
        assert f"{1 / 18 + 0.2:.4f}" in foot
        assert "step 17" in panel.title.plain
        await pilot.press("g")
        assert screen.cursor == 0
        await pilot.press("0")
        assert screen.cursor is None


async def test_zoom_pan_and_reset(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartsScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        await pilot.press("enter")
        await settled(app, pilot)
        whole = screen.pane.frame_of("loss")
        await pilot.press("right_square_bracket", "right_square_bracket")
        zoomed = screen.view.x
        assert whole is not None
        assert zoomed is not None
        assert zoomed[1] - zoomed[0] == pytest.approx((whole.x[1] - whole.x[0]) * 0.36)
        await pilot.press("left_parenthesis")
        assert screen.view.x is not None
        assert screen.view.x[0] < zoomed[0]
        await pilot.press("right_curly_bracket")
        assert screen.view.y is not None
        assert "zoomed (0 resets)" in status(screen)
        await pilot.press("0")
        assert status(screen).endswith("charts")
        await pilot.press("left_square_bracket")
        assert "zoomed" not in status(screen)


async def test_axes_and_smoothing_are_said_in_the_status_line(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartGridScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("u", "u", "l", "m")
        text = status(shown(app))
        assert "relative time" in text
        assert "y log" in text
        assert "smoothed 0.6" in text


async def test_charts_are_filtered_live_with_a_count(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartGridScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        await pilot.press("slash")
        await pilot.pause()
        await pilot.press(*"*loss")
        assert titles(screen) == ["loss", "best_val_loss"]
        count = screen.query_one(FilterBar).query_one("#filter-count")
        assert "2 of 4" in str(count.render())
        screen.stores_changed(StoreChanged(("runs",)))
        await settled(app, pilot)
        await pilot.press("x")
        assert titles(screen) == []
        await pilot.press("backspace", "enter")
        await pilot.pause()
        assert "2 of 4 charts: *loss (esc clears)" in status(screen)
        await pilot.press("escape")
        assert len(titles(screen)) == 4


async def test_new_points_redraw_only_the_chart_that_has_them(tmp_path: Path) -> None:
    app, services = a_host(tmp_path, ChartGridScreen)
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        before = {key: picture for key, (_, picture) in screen.pane._pictures.items()}
        services.points["r1"]["f1"] = [*services.points["r1"]["f1"], (20, 20_000, 0.7)]
        screen.stores_changed(StoreChanged(("runs",)))
        await settled(app, pilot)
        after = {key: picture for key, (_, picture) in screen.pane._pictures.items()}
        assert [key for key in after if after[key] is not before[key]] == ["f1"]


async def test_zooming_into_a_long_history_reads_it_in_detail(tmp_path: Path) -> None:
    app, services = a_host(tmp_path, ChartsScreen, ROWS[:1])
    services.points["r1"] = {"long": timed([float(step == 777) for step in range(2000)])}
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter")
        await settled(app, pilot)
        for _ in range(7):
            await pilot.press("right_square_bracket")
            await settled(app, pilot)
        screen = shown(app)
        assert screen.view.x is not None
        assert services.spans[-1][1] - services.spans[-1][0] <= 200
        assert screen.pane.panels[0].lines[0].history.exact


async def test_the_mouse_zooms_pans_and_points(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartsScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        await pilot.press("enter")
        await settled(app, pilot)
        pane = screen.pane
        at = {"widget": pane, "offset": (60, 10)}
        pane.post_message(events.MouseScrollUp(pane, 60, 10, 0, 0, 0, False, False, False, 60, 11))
        await pilot.pause()
        zoomed = screen.view.x
        frame = pane.frame_of("loss")
        assert zoomed is not None
        assert frame is not None
        assert zoomed[0] < frame.x_at(60) < zoomed[1]
        await pilot.mouse_down(**at)  # type: ignore[arg-type]
        await pilot.hover(pane, (40, 10))
        await pilot.mouse_up(pane, (40, 10))
        assert screen.view.x is not None
        assert screen.view.x[0] > zoomed[0]
        assert screen.cursor is None
        await pilot.click(pane, (40, 10))
        frame = pane.frame_of("loss")
        assert frame is not None
        assert screen.cursor == pytest.approx(frame.x_at(40))
        pane.post_message(events.MouseScrollUp(pane, 60, 10, 0, 0, 0, True, False, False, 60, 11))
        await pilot.pause()
        assert screen.view.y is not None


async def test_metrics_of_the_machine_have_a_section_of_their_own(tmp_path: Path) -> None:
    app, services = a_host(tmp_path, ChartsScreen, ROWS[:1])
    services.points["r1"] |= {f"system/cpu_{number}": timed([1.0, 2.0]) for number in range(3)}
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        texts = [line.text.plain.strip() for line in screen.metric_list.lines]
        place = texts.index("system metrics")
        assert texts[place - 2].startswith("best_val_loss")
        assert [text.split()[0] for text in texts[place + 1 :]] == [f"system/cpu_{number}" for number in range(3)]
        await pilot.press("v")
        assert "system" not in "".join(titles(screen))
        await pilot.press("G")
        assert titles(screen) == [f"system/cpu_{number}" for number in range(3)]
        assert "system metrics" in status(screen)


async def test_x_by_epoch_takes_the_epochs_that_were_logged(tmp_path: Path) -> None:
    app, services = a_host(tmp_path, ChartsScreen, ROWS[:1])
    services.points["r1"]["epoch"] = timed([step / 10 for step in range(20)])
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter", "u", "G")
        screen = shown(app)
        assert screen.cursor == pytest.approx(1.9)
        assert "epoch 1.9" in screen.pane.panels[0].title.plain
        assert "@19" in screen.pane.panels[0].foot[0].plain


async def test_what_cannot_run_now_says_why(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartsScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        screen = shown(app)
        assert "enlarges" in screen.reason("zoom_in_x")
        await pilot.press("enter")
        assert screen.reason("zoom_in_x") == ""
        assert "zoom" in screen.query_one("#keys", KeyBar)._lead


async def test_no_run_and_a_store_that_fails_are_said(tmp_path: Path) -> None:
    app, services = a_host(tmp_path, ChartsScreen, ())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        line = shown(app).metric_list.render_line(0)
        assert "no run of MLflow is chosen" in line.text
    (tmp_path / "two").mkdir()
    app, services = a_host(tmp_path / "two", ChartGridScreen)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        kept = titles(shown(app))
        services.error = StoreError("the store is away", "Try again.")
        shown(app).stores_changed(StoreChanged(("runs",)))
        await settled(app, pilot)
        assert "the store is away" in status(shown(app))
        assert titles(shown(app)) == kept


async def test_export_of_the_picture(tmp_path: Path) -> None:
    app, _ = a_host(tmp_path, ChartGridScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("o")
        await pilot.pause()
        box = app.screen.query_one(Input)
        assert box.value == "loss.svg"
        await pilot.press("enter")
        await settled(app, pilot)
    text = (tmp_path / "loss.svg").read_text()
    assert "<svg" in text
    assert text.count("stroke-dasharray: ") >= 2
    assert "[b]second[/b]" in text
    assert "\x1b" not in text


def test_points_are_written_once_and_never_over_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edm_core.stores.histories.every_point", lambda *_: iter([(0, 5, 0.1), (1, 6, math.nan)]))
    path, chart, series = tmp_path / "loss.csv", Chart("loss"), [(ROWS[0], "loss")]
    save_chart(a_workspace(tmp_path), path, chart, series)
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["run", "run_id", "metric", "step", "timestamp_ms", "value"],
            ["first", "r1", "loss", "0", "5", "0.1"],
            ["first", "r1", "loss", "1", "6", "nan"],
        ]
    with pytest.raises(EdmError, match="is there already"):
        save_chart(a_workspace(tmp_path), path, chart, series)
    with pytest.raises(EdmError, match=r"none of \.csv"):
        save_chart(a_workspace(tmp_path), tmp_path / "loss.txt", chart, series)
    save_chart(a_workspace(tmp_path), tmp_path / "loss.png", chart, series)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["edm.toml", "loss.csv", "loss.png"]
