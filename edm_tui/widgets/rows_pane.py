"""Lines that a screen draws itself, as many as there is room for."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.message import Message
from textual.strip import Strip

from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip


class RowsPane(Painted, can_focus=True):
    """Shows the lines it is given; says `Resized` when there is room for others."""

    DEFAULT_CSS = "RowsPane { height: 1fr; }"

    @dataclass
    class Resized(Message):
        """The pane has another size now."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: tuple[Text, ...] = ()

    @property
    def text(self) -> str:
        """All lines, as a reader sees them."""
        return "\n".join(row.plain for row in self._rows)

    def show(self, rows: Sequence[Text]) -> None:
        """Show these lines; only what looks different is painted again."""
        self._rows = tuple(rows)
        self.repaint()

    def draw_line(self, y: int) -> Strip:
        return text_strip(self, self._rows[y] if y < len(self._rows) else Text())

    def on_resize(self) -> None:
        super().on_resize()
        self.post_message(self.Resized())
