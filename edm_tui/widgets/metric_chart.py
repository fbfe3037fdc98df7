"""A chart of metrics that grows: repaints only the cells that a new point changed."""

from collections.abc import Sequence

from rich.text import Text
from textual.strip import Strip

from edm_core.curves.lines import Line, View
from edm_core.curves.picture import draw
from edm_tui.widgets.cells import plain
from edm_tui.widgets.chart_rows import row_text
from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip

COLOURS = ("$primary", "$accent")


class MetricChart(Painted):
    """Lines over the epochs, with a legend that names each and its last value."""

    DEFAULT_CSS = "MetricChart { height: 1fr; min-height: 4; }"

    def __init__(self, title: str = "", *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._ascii = ascii_only
        self._lines: tuple[Line, ...] = ()
        self._shown: list[Text] = []

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these lines; nothing is repainted where nothing changed."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        if self.size.width:
            self._draw()

    def _draw(self) -> None:
        rows = draw(self._lines, View(), self.size.width, self.size.height - 1).rows
        colours = [COLOURS[index % len(COLOURS)] for index in range(len(self._lines))]
        body = [row_text(row, [line.mark for line in self._lines], colours, ascii_only=self._ascii) for row in rows]
        self._shown = [self._legend(), *(body or [Text("no values yet", style="dim")])]
        self.repaint()

    def _legend(self) -> Text:
        legend = Text(self._title, style="bold", end="")
        for index, line in enumerate(self._lines):
            sign = line.mark if self._ascii else ("╍" if line.dashed else "━")
            last = f"{line.history.last[2]:.4g}" if line.history.last else "–"
            legend.append("  ")
            legend.append(f"{sign} {plain(line.name)}", style=COLOURS[index % len(COLOURS)])
            legend.append(f" {last}", style="not bold")
        return legend

    def on_resize(self) -> None:
        super().on_resize()
        self._draw()

    def draw_line(self, y: int) -> Strip:
        return text_strip(self, self._shown[y] if y < len(self._shown) else Text())
