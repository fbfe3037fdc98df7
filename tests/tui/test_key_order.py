"""Keys that arrive all at once do what they would have done one by one."""

import asyncio
from typing import Any

from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from edm_tui.key_order import KeyOrder


class Form(ModalScreen[str]):
    BINDINGS = [Binding("escape", "leave", "leave")]

    def compose(self) -> ComposeResult:
        yield Input(id="a")
        yield Input(id="b")

    def action_leave(self) -> None:
        self.dismiss("/".join(box.value for box in self.query(Input)))


class OrderedApp(App[None]):
    BINDINGS = [Binding("n", "open", "open"), Binding("x", "wrong", "wrong")]

    def __init__(self) -> None:
        super().__init__()
        self.opening = False
        self.answers: list[Any] = []
        self.wrong = 0
        self.order = KeyOrder(self, super().post_message, lambda: self.opening)

    def post_message(self, message: Message) -> bool:
        if isinstance(message, events.Key) and not message.is_forwarded:
            self.order.take(message)
            return True
        return super().post_message(message)

    def action_wrong(self) -> None:
        self.wrong += 1

    def action_open(self) -> None:
        self.opening = True
        self._open()

    @work
    async def _open(self) -> None:
        await asyncio.sleep(0)
        await self.push_screen(Form(), self.answers.append)
        self.opening = False


def burst(app: App[Any], *keys: str) -> None:
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_a_form_opened_filled_and_left_in_one_burst() -> None:
    app = OrderedApp()
    async with app.run_test() as pilot:
        burst(app, "n", *"xyz", "backspace", "tab", *"xy", "backspace", "shift+tab", "w", "escape", "x")
        while not app.wrong:
            await pilot.pause(0.01)
        assert app.answers == ["w/x"]  # going back to a field selects what is in it
        assert app.wrong == 1
