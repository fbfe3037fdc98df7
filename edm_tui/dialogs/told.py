"""A few lines that must be read, and one of them copied."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from edm_tui.formatting import clean


class ToldDialog(ModalScreen[None]):
    """`y` copies `copied`; esc or enter leaves."""

    CSS_PATH = "../styles/boxes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "back", "back", show=False),
        Binding("y", "copy", "copy", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str], copied: str, what: str) -> None:
        super().__init__()
        self._heading, self.lines, self._copied, self._what = clean(title), tuple(map(clean, lines)), copied, what

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(self._heading, markup=False, classes="dialog-title")
            yield Static(Text("\n".join(self.lines)), classes="dialog-body")
            yield Static(f"y copy {self._what} · esc back", markup=False, classes="dialog-keys")

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._copied)
        self.notify(f"copied: {self._copied}", markup=False)

    def action_back(self) -> None:
        self.dismiss(None)
