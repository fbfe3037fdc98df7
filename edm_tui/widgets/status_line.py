"""The status line: where we are, what is applied and which key clears it, and what goes on."""

from rich.segment import Segment
from textual.strip import Strip

from edm_tui.formatting import clean, fit
from edm_tui.widgets.painted import Painted


class StatusLine(Painted):
    """One line: `left` is cut where it meets `right`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left = ""
        self._right = ""

    @property
    def text(self) -> str:
        """Both ends, as a reader sees them."""
        return f"{self._left}  {self._right}".rstrip()

    def say(self, left: str, right: str = "") -> None:
        """Show these texts; nothing is written where they are the same as before."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = clean(left), clean(right)
            self.repaint()

    def draw_line(self, y: int) -> Strip:
        width = self.size.width
        right = fit(self._right, min(len(self._right), width // 2)) if y == 0 else ""
        left = fit(f" {self._left}" if y == 0 else "", max(0, width - len(right) - 2))
        line = f"{left}  {right}" if right else left
        return Strip([Segment(fit(line, width), self.style_of())])
