"""Lines of styled text that repaint only cells that changed, and are laid out anew only when their number changes."""

from rich.text import Text
from textual.strip import Strip

from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip


class TextLine(Painted):
    """One line, cut at the edge. `say` changes the text; nothing is written where it is the same."""

    DEFAULT_CSS = "TextLine { height: 1; }"

    def __init__(self, text: Text | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id)
        self.set_classes(classes or "")
        self._text = text or Text()

    @property
    def text(self) -> str:
        """What is shown, without styles."""
        return self._text.plain

    def say(self, text: Text) -> None:
        """Show this text."""
        self._text = text
        self.repaint()

    def draw_line(self, y: int) -> Strip:
        return text_strip(self, self._text if y == 0 else Text())


class Paragraph(TextLine):
    """Text that goes on below, on at most `most` lines; the last one says … where there is more."""

    def __init__(self, most: int, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._most = most
        self._wrapped: list[Text] = []

    def say(self, text: Text) -> None:
        self._text = text
        self._wrap()
        self.repaint()

    def on_resize(self) -> None:
        super().on_resize()
        self._wrap()

    def _wrap(self) -> None:
        if not self.size.width:
            return
        self._wrapped = list(self._text.wrap(self.app.console, self.size.width))
        if len(self._wrapped) > self._most:
            rest = Text(" ").join(self._wrapped[self._most - 1 :])
            self._wrapped = [*self._wrapped[: self._most - 1], rest]
        wanted = max(1, len(self._wrapped))
        if self.size.height != wanted:
            self.styles.height = wanted

    def draw_line(self, y: int) -> Strip:
        return text_strip(self, self._wrapped[y] if y < len(self._wrapped) else Text())
