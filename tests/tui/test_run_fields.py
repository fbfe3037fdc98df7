"""Parallel coordinates and scatter by keyboard: axes, logs, lit runs, importance beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from edm_core.snapshots.runs import MetricSummary, RunRow, RunsSnapshot
from edm_tui.dialogs.pick import PickDialog
from edm_tui.screens.parallel import ParallelScreen
from edm_tui.screens.run_fields import RunFieldsScreen
from edm_tui.screens.scatter import ScatterScreen
from edm_tui.themes import THEMES, run_mark
from edm_tui.widgets.status_line import StatusLine
from tests.support.tui_host import FakeServices, HostApp, a_workspace


def trial(number: int) -> RunRow:
    params = {"lr": str(10.0 ** -(number % 5)), "net": ("cnn", "mert")[number % 2], "seed": "7"}
    metrics = {"val_loss": MetricSummary(1.0, 3, number / 10, 2), "f1": MetricSummary(1 - number / 20, 3, None, None)}
    if number == 9:
        metrics = {}
    return RunRow(f"id{number}", f"trial[b]{number}", "FINISHED", params=params, metrics=metrics)


ROWS = tuple(trial(number) for number in range(10))


class Runs(FakeServices):
    """Answers with `rows`."""

    rows: tuple[RunRow, ...] = ROWS

    async def runs(
        self, experiment: str | None = None, metrics: Sequence[str] = (), whole: bool = False, part: Any = None
    ) -> RunsSnapshot:
        return RunsSnapshot(self.rows)


def a_host(folder: Path, screen: RunFieldsScreen) -> HostApp:
    app = HostApp(a_workspace(folder), lambda: screen)
    app.services = Runs(app.services.workspace)
    app.theme = THEMES[0].name
    return app


async def settled(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def status(screen: RunFieldsScreen) -> str:
    return screen.query_one("#status", StatusLine).text


async def test_parallel_coordinates_light_the_marked_runs(tmp_path: Path) -> None:
    screen = ParallelScreen(ROWS[2:4])
    async with a_host(tmp_path, screen).run_test(size=(160, 40)) as pilot:
        await settled(pilot)
        text = screen.pane.text
        assert [field.name for field in screen.axes()][-1] == "val_loss"
        assert "seed" not in text
        assert all(word in text for word in ("lr", "net", "cnn", "mert", "log", "rank correlation with val_loss"))
        assert run_mark("id2") in text
        assert "10 runs · 2 lit" in status(screen)
        await pilot.press("j")
        assert screen.row is not None
        assert screen.row.row_id == "id0"
        assert "trial[b]0" in screen.pane.text.splitlines()[-1]
        await pilot.press("space", "escape")
        assert screen.lit == ["id2", "id3", "id0"]
        assert screen.row is None


async def test_axes_are_chosen_and_made_logarithmic(tmp_path: Path) -> None:
    screen = ParallelScreen(ROWS[:1])
    async with a_host(tmp_path, screen).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        place = [field.name for field in screen.axes()].index("lr")
        await pilot.press(*["right"] * place, "l")
        assert not screen.fields["lr"].log
        await pilot.press("X")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PickDialog)
        await pilot.press("slash", *"f1", "enter")
        await pilot.pause()
        assert "f1" in [field.name for field in screen.axes()]
        await pilot.press("Y")
        await pilot.pause()
        await pilot.press("slash", *"f1", "enter")
        await pilot.pause()
        assert screen.axes()[-1].name == "f1"
        assert "rank correlation with f1" in screen.pane.text


async def test_a_sweeps_trials_alone(tmp_path: Path) -> None:
    screen = ParallelScreen(among=ROWS[:4], y="f1")
    async with a_host(tmp_path, screen).run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        assert "4 runs · 0 lit" in status(screen)
        assert screen.y == "f1"


async def test_scatter_of_any_against_any(tmp_path: Path) -> None:
    screen = ScatterScreen(ROWS[4:5])
    async with a_host(tmp_path, screen).run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        assert screen.y == "val_loss"
        assert "1 without both values" in status(screen)
        assert run_mark("id4") in screen.pane.text
        await pilot.press("X")
        await pilot.pause()
        await pilot.press("slash", *"f1", "enter")
        await pilot.pause()
        assert screen.x == "f1"
        assert "rank correlation -1.00 over 9 runs" in screen.pane.text
        await pilot.press("l", "L")
        assert screen.fields["val_loss"].log
        assert screen.fields["f1"].log
        await pilot.press("right")
        assert screen.row is not None
        assert screen.row.row_id == "id8"


async def test_runs_without_anything_to_compare_are_said(tmp_path: Path) -> None:
    for screen in (ParallelScreen(among=ROWS[:1]), ScatterScreen(among=())):
        folder = tmp_path / screen.context
        folder.mkdir()
        async with a_host(folder, screen).run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("j", "l", "L", "right", "G")
            assert "no " in screen.pane.text
