"""What all forms share: a title, a body, a line for what is wrong, and their keys in print."""

from collections.abc import Iterator
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from edm_tui.widgets.cells import plain
from edm_tui.widgets.text_line import Paragraph

Result = TypeVar("Result")


class Frame(ModalScreen[Result | None]):
    """A form over the screen. Esc steps out with None; subclasses give the title, the body and the keys."""

    CSS_PATH = ["../styles/boxes.tcss", "../styles/dialogs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", show=False),
        # With priority the focus moves at once, so that what is typed right after it lands in the next field.
        Binding("tab", "app.focus_next", "next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "field before", show=False, priority=True),
    ]
    KEYS_LINE: ClassVar[str] = "esc back"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._message = Paragraph(2, id="message")
        self.ready = False
        """Whether all parts are there: keys that come sooner (typed ahead) must not act on a half-built form."""

    def on_mount(self) -> None:
        self.ready = True

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield Static(self.heading(), id="heading")
            yield from self.body()
            yield self._message
            yield from self.foot()
            yield Static(Text(self.KEYS_LINE, style="dim"), id="form-keys")

    def heading(self) -> Text:
        """The first line, plain text from outside included."""
        raise NotImplementedError

    def body(self) -> Iterator[Widget]:
        """The widgets between title and message."""
        raise NotImplementedError

    def foot(self) -> Iterator[Widget]:
        """Widgets that stay in view below the message."""
        yield from ()

    def say(self, text: str, level: str = "") -> None:
        """Show one sentence above the keys; `level` is "error", "warning" or ""."""
        mark = {"error": "✗ ", "warning": "! "}.get(level, "")
        self._message.say(Text(mark + plain(text) if text else ""))
        self._message.set_class(level == "error", "-error")
        self._message.set_class(level == "warning", "-warning")

    def action_back(self) -> None:
        self.dismiss(None)
