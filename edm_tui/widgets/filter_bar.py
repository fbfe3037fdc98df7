"""The line under the table in which `/` is typed. It owns all printable keys while it is there."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label

from edm_tui.messages import FilterChanged

NAME_HINT = "part of a name; !word leaves names with it out"


class FilterBar(Horizontal):
    """Sends FilterChanged at every change; enter keeps the filter, esc drops it."""

    def __init__(self, text: str = "", *, hint: str = NAME_HINT, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = text
        self._hint = hint

    def compose(self) -> ComposeResult:
        yield Label("/", markup=False)
        yield Input(self._text, placeholder=self._hint, compact=True)
        yield Label("", id="filter-count", markup=False)

    def on_mount(self) -> None:
        box = self.query_one(Input)
        box.cursor_blink = False
        box.focus()

    def show_count(self, shown: int, total: int) -> None:
        """Say how many runs match."""
        self.query_one("#filter-count", Label).update(f" {shown:,} of {total:,} · enter keep · esc clear ")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(FilterChanged(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(FilterChanged(event.value, done=True))

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self.post_message(FilterChanged("", done=True))
