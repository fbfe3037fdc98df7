"""How the Runs screen reads: page by page, cut short, stale with its reason."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from edm_core.errors import StoreError
from edm_core.snapshots.runs import RunsSnapshot
from edm_tui.app import EdmApp
from edm_tui.screens.runs import RunsScreen
from tests.support.rows import a_row, a_snapshot, an_app
from tests.tui.test_app_runs import settled


def screen_of(app: EdmApp) -> RunsScreen:
    screen = app.screen
    assert isinstance(screen, RunsScreen)
    return screen


def status(app: EdmApp) -> str:
    return screen_of(app)._status.render_line(0).text


async def test_pages_show_as_they_come(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, [a_row(f"run_{i}") for i in range(5)])
    shown: list[int] = []
    plain = services.runs

    async def pages(experiment: Any, metrics: Any, whole: bool, part: Any) -> RunsSnapshot:
        assert whole
        everything = await plain()
        for count in (2, 4):
            part(replace(everything, rows=everything.rows[:count], partial=True))
            await pilot.pause()
            shown.append(len(screen_of(app).table.rows))
        return everything

    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        screen_of(app).snapshot = replace(a_snapshot([a_row("run_0")]), partial=True)
        services.runs = pages  # type: ignore[method-assign,assignment]
        await pilot.press("r")
        await settled(pilot)
        assert shown == [2, 4]
        assert len(screen_of(app).table.rows) == 5


async def test_what_is_left_to_read_and_what_is_old_is_said(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, [a_row("one")])
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        screen = screen_of(app)
        screen.snapshot = replace(a_snapshot([a_row("one")]), partial=True)
        screen.say()
        assert "1 runs so far, reading … (esc stops)" in status(app)
        screen.snapshot = replace(a_snapshot([a_row("one")]), stopped=True)
        screen.say()
        assert "1 runs read (r reads all)" in status(app)
        screen.snapshot = replace(a_snapshot([a_row("one")]), old=True, partial=True, taken=time.time() - 7200)
        screen.say()
        assert "1 newest runs" in status(app)
        assert "rows as of 2h ago, reading …" in status(app)
        await pilot.press("r")
        await settled(pilot)
        assert "rows as of" not in status(app)


async def test_esc_ends_the_reading_of_pages(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, [a_row("one")])
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        screen = screen_of(app)
        screen.snapshot = part = replace(a_snapshot([a_row("one")]), partial=True)
        screen._loading = True
        assert screen._part(part)
        await pilot.press("escape")
        assert not screen._part(part)
        screen._loading = False


async def test_a_store_in_trouble_leaves_the_rows_and_recovers(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, [a_row("one")])
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        app._token = 0
        services.rows, services.token = StoreError("http://far answers with status 500", "Is it up?"), 1
        await app.workers.wait_for_complete([app._poll()])
        await settled(pilot)
        assert screen_of(app).table.stale
        assert [row.name for row in screen_of(app).table.rows] == ["one"]
        assert "status 500" in status(app)
        services.rows, services.token = [a_row("one"), a_row("two")], 2
        await app.workers.wait_for_complete([app._poll()])
        await settled(pilot)
        assert not screen_of(app).table.stale
        assert len(screen_of(app).table.rows) == 2
        assert "status 500" not in status(app)
