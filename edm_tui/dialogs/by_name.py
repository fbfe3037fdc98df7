"""The second question before what is hard to reverse: the names have to be typed."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from edm_tui.formatting import clean


class ByNameDialog(ModalScreen[bool]):
    """Dismissed with True once every one of `names` was typed, one after the other; else with False."""

    CSS_PATH = "../styles/boxes.tcss"
    BINDINGS = [Binding("escape", "back", "back", show=False)]

    def __init__(self, title: str, lines: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(classes="dialog")
        self._heading = clean(title)
        self._lines = tuple(map(clean, lines))
        self.names = tuple(names)
        self.typed = 0
        """How many names were typed so far."""

    @property
    def text(self) -> str:
        return "\n".join((self._heading, *self._lines, self._wanted()))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box prompt-box"):
            yield Static(self._heading, markup=False, classes="dialog-title")
            yield Static("\n".join(self._lines), markup=False, classes="dialog-body")
            yield Static(self._wanted(), markup=False, id="by-name-wanted")
            yield Input(compact=True, id="by-name")
            yield Static("enter take · esc back", markup=False, classes="dialog-keys")

    def on_mount(self) -> None:
        box = self.query_one(Input)
        box.cursor_blink = False
        box.focus()

    def _wanted(self) -> str:
        of = f" ({self.typed + 1} of {len(self.names)})" if len(self.names) > 1 else ""
        return f"Type its name{of}: {clean(self.names[self.typed])}"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        wanted, said = self.names[self.typed], self.query_one("#by-name-wanted", Static)
        if event.value.strip() != wanted.strip():
            said.update(f"That is another name. {self._wanted()}")
            return
        self.typed += 1
        if self.typed == len(self.names):
            self.dismiss(True)
            return
        event.input.value = ""
        said.update(self._wanted())

    def action_back(self) -> None:
        self.dismiss(False)
