"""One of a few values on one line: ‹ cnn ›."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """Left and right (or space) go through the values."""

    DEFAULT_CSS = """
    Choice { height: 1; width: auto; min-width: 12; }
    Choice:focus { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space,l", "step(1)", "next", show=False),
        Binding("left,h", "step(-1)", "previous", show=False),
    ]
    value: reactive[str] = reactive("")

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        sender: "Choice"
        value: str

        @property
        def control(self) -> "Choice":
            return self.sender

    def __init__(self, values: Sequence[str], value: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        # A run may have a value that is no choice here any more: it can be seen, and left.
        self._values = tuple(values) if value in values else (value, *values)
        self.set_reactive(Choice.value, value)

    def render(self) -> Text:
        return Text(f"‹ {self.value} ›")

    def action_step(self, step: int) -> None:
        self.value = self._values[(self._values.index(self.value) + step) % len(self._values)]
        self.post_message(self.Changed(self, self.value))

    def on_click(self) -> None:
        self.action_step(1)
