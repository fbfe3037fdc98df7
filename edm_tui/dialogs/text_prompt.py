"""One line of text; enter takes it, esc steps out."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from edm_tui.formatting import clean


class TextPrompt(ModalScreen[str]):
    """Dismissed with the text ("" for an empty one), or None."""

    CSS_PATH = "../styles/boxes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "back", show=False)]

    def __init__(self, title: str, text: str = "", hint: str = "") -> None:
        super().__init__()
        self._heading = clean(title)
        self._text = text
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box prompt-box"):
            yield Static(self._heading, markup=False, classes="dialog-title")
            yield Input(self._text, placeholder=self._hint, compact=True, classes="dialog-body")
            yield Static("enter take · esc back", markup=False, classes="dialog-keys")

    def on_mount(self) -> None:
        box = self.query_one(Input)
        box.cursor_blink = False
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())

    def action_back(self) -> None:
        self.dismiss(None)
