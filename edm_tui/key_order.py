"""Keys one after the other: what a key does is done before the next one is heard.

Textual hands a key to the widget that has the focus when the key arrives. Over a slow line several keys arrive at
once, and then a name typed right after tab would land in the field before. So the next key waits until the messages
of the one before have gone up from the focused widget to the app, and until a form that it opens stands.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

LONGEST = 2.0
"""Seconds after which the next key is heard in any case."""
_LOOK = 0.01


class KeyOrder:
    """`take` each key of the terminal; `deliver` gets them in order, each when the one before is done.

    `opening` says whether a form is being opened that is not there yet.
    """

    def __init__(self, app: App[Any], deliver: Callable[[events.Key], object], opening: Callable[[], bool]) -> None:
        self._app = app
        self._deliver = deliver
        self._opening = opening
        self._waiting: deque[events.Key] = deque()
        self._task: asyncio.Task[None] | None = None

    def take(self, key: events.Key) -> None:
        """A key arrived. Must be called in the app's loop."""
        self._waiting.append(key)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            self._deliver(self._waiting.popleft())
            try:
                async with asyncio.timeout(LONGEST):
                    await self._settled()
            except TimeoutError:
                continue

    async def _settled(self) -> None:
        if not self._app.is_running or not self._app.screen_stack:
            return
        screen = self._app.screen
        focused = self._app.focused or screen
        chain: list[MessagePump] = list(focused.ancestors_with_self)
        # Down to the focused widget, up again through each ancestor, and once more for what the action posts.
        for _ in range(len(chain) + 2):
            await self._heard(chain)
        while self._app.screen_stack and self._opening():
            await asyncio.sleep(_LOOK)
        if self._app.screen_stack and self._app.screen is not screen:
            # A screen that was just pushed takes the focus to its first field when it has been mounted.
            for _ in range(4):
                await self._heard([self._app.screen, self._app])

    async def _heard(self, chain: list[MessagePump]) -> None:
        """All of them have gone through what was in their queues; what has been removed meanwhile does not count."""
        for pump in chain:
            done = asyncio.Event()
            waiting = pump.call_later(done.set)
            while waiting and not done.is_set() and pump.is_running:
                await asyncio.sleep(0 if self._waiting else _LOOK)
