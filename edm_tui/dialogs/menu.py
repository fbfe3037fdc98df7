"""A small menu with its keys in print: a letter, or the cursor and enter."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from edm_tui.formatting import clean


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu: its letter, what it says, and what choosing it gives."""

    key: str
    label: str
    value: str


class MenuDialog(ModalScreen[str]):
    """Dismissed with the value chosen, or None."""

    CSS_PATH = "../styles/boxes.tcss"

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._heading = clean(title)
        self.choices = tuple(choices)
        self._at = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(self._heading, markup=False, classes="dialog-title")
            yield Static(self._text(), id="menu-lines", classes="dialog-body")
            yield Static("a letter, or j k and enter · esc back", markup=False, classes="dialog-keys")

    def _text(self) -> Text:
        lines = []
        for index, choice in enumerate(self.choices):
            line = Text.assemble((f" {choice.key} ", "bold"), f" {clean(choice.label)} ")
            line.stylize("reverse" if index == self._at else "")
            lines.append(line)
        return Text("\n").join(lines)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        letters = {choice.key: choice.value for choice in self.choices}
        if event.character in letters:
            self.dismiss(letters[event.character])
        elif event.key == "escape":
            self.dismiss(None)
        elif event.key == "enter" and self.choices:
            self.dismiss(self.choices[self._at].value)
        elif event.key in ("j", "down", "k", "up"):
            step = 1 if event.key in ("j", "down") else -1
            self._at = (self._at + step) % max(1, len(self.choices))
            self.query_one("#menu-lines", Static).update(self._text())
