"""A screen that is left while it still reads: what comes then is nobody's any more."""

import asyncio
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.widgets import Static

from edm_tui.screens.base import EdmScreen
from tests.support.registry import make_workspace
from tests.support.tui_host import HostApp


class _Last(Static):
    """Says when it goes."""

    def __init__(self, gone: asyncio.Event) -> None:
        super().__init__()
        self.gone = gone

    def on_unmount(self) -> None:
        self.gone.set()


class _Reading(EdmScreen):
    """Shows in its widget what it has read, once that widget is about to go."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Static(id="list")
        yield _Last(self.gone)

    async def read(self) -> None:
        await self.gone.wait()
        while self.children:
            await asyncio.sleep(0)
        self.query_one("#list", Static).update("read")


@pytest.mark.parametrize("how", ["esc", "quit"])
async def test_what_is_read_while_a_screen_goes_is_let_go_of(tmp_path: Path, how: str) -> None:
    app = HostApp(make_workspace(tmp_path), EdmScreen)
    async with app.run_test() as pilot:
        await pilot.pause()
        screen = _Reading()
        await app.push_screen(screen)
        worker = screen.run_worker(screen.read())
        await pilot.pause()
        if how == "esc":
            await app.pop_screen()
            await pilot.pause()
    assert worker.is_cancelled
