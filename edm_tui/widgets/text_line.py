"""One or more lines of styled text that repaint only the cells that changed."""

from rich.text import Text
from textual.strip import Strip

from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip


class TextLine(Painted):
    """`say` changes the text; nothing is written where it is the same."""

    DEFAULT_CSS = "TextLine { height: 1; }"

    def __init__(self, text: Text | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = text or Text()

    @property
    def text(self) -> str:
        """What is shown, without styles."""
        return self._text.plain

    def say(self, text: Text) -> None:
        """Show this text, cut at the edge."""
        self._text = text
        self.repaint()

    def draw_line(self, y: int) -> Strip:
        return text_strip(self, self._text if y == 0 else Text())
