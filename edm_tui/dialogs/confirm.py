"""A question with what it costs; enter or y says yes, esc says no."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from edm_tui.formatting import clean


class ConfirmDialog(ModalScreen[bool]):
    """Dismissed with True or False. `title` names the target, `lines` say what it costs."""

    CSS_PATH = "../styles/boxes.tcss"
    BINDINGS = [
        Binding("y,enter", "answer(True)", "Yes", show=False),
        Binding("n,escape", "answer(False)", "No", show=False),
    ]

    def __init__(self, title: str, lines: tuple[str, ...], answer: str = "yes") -> None:
        super().__init__(classes="dialog")
        self._heading = clean(title)
        self._lines = tuple(map(clean, lines))
        self._answer = answer

    @property
    def text(self) -> str:
        """The question and its lines."""
        return "\n".join((self._heading, *self._lines))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(self._heading, markup=False, classes="dialog-title")
            yield Static("\n".join(self._lines), markup=False, classes="dialog-body", id="confirm-lines")
            yield Static(f"enter {self._answer} · esc back", markup=False, classes="dialog-keys")

    def add_lines(self, lines: Iterable[str]) -> None:
        """Lines of what it costs that had to be read first."""
        self._lines = (*self._lines, *map(clean, lines))
        self.query_one("#confirm-lines", Static).update("\n".join(self._lines))

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
