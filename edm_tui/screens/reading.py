"""Screens that read again whenever a store changed: one read at a time, and never for most of the time."""

import asyncio
import time

from textual import work

from edm_tui.messages import StoreChanged
from edm_tui.screens.base import EdmScreen


class ReadingScreen(EdmScreen):
    """A subclass reads in `read`, which tells its errors itself."""

    _loading = _wanted = False

    def stores_changed(self, message: StoreChanged) -> None:
        self._wanted = True
        if not self._loading:
            self._loading = True
            self._load()

    @work(group="load")
    async def _load(self) -> None:
        """Read until nothing more was asked for, at most a third of the time: a training changes something every
        second."""
        try:
            while self._wanted:
                self._wanted, began = False, time.monotonic()
                await self.read()
                if self._wanted:
                    await asyncio.sleep(2 * (time.monotonic() - began))
        finally:
            self._loading = False

    async def read(self) -> None:
        """Read what the screen shows, and show it."""
