"""A chart of metrics that grows: repaints only the cells that a new point changed."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from edm_tui.widgets.cells import plain
from edm_tui.widgets.painted import Painted
from edm_tui.widgets.plot import Rgb, Series, draw
from edm_tui.widgets.themed import text_strip, theme_style


class MetricChart(Painted):
    """Lines over the epochs, with a legend that names each and its last value."""

    DEFAULT_CSS = "MetricChart { height: 1fr; min-height: 4; }"

    def __init__(self, title: str = "", *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._ascii = ascii_only
        self._series: tuple[Series, ...] = ()
        self._colors: list[Rgb | None] = []
        self._shown: list[Text] = []

    @property
    def series(self) -> tuple[Series, ...]:
        return self._series

    def show(self, series: Sequence[Series]) -> None:
        """Draw these lines; nothing is repainted where nothing changed."""
        if tuple(series) == self._series:
            return
        self._series = tuple(series)
        if self.size.width:
            self._draw()

    def _draw(self) -> None:
        self._colors = [self._rgb(line.color) for line in self._series]
        body = draw(self._series, self._colors, self.size.width, self.size.height - 1, self._ascii)
        self._shown = [self._legend(), *(body or [Text("no values yet", style="dim")])]
        self.repaint()

    def _legend(self) -> Text:
        legend = Text(self._title, style="bold", end="")
        for index, line in enumerate(self._series):
            mark = "*o+x"[index % 4] if self._ascii else ("╍" if line.dashed else "━")
            last = next((f"{y:.4g}" for _, y in reversed(line.points)), "–")
            legend.append("  ")
            legend.append(f"{mark} {plain(line.name)}", style=line.color)
            legend.append(f" {last}", style="not bold")
        return legend

    def _rgb(self, color: str) -> Rgb | None:
        found: Style = theme_style(self, color)
        if self.app.no_color or found.color is None or found.color.triplet is None:
            return None
        triplet = found.color.triplet
        return (triplet.red, triplet.green, triplet.blue)

    def on_resize(self) -> None:
        super().on_resize()
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._shown and self._colors != [self._rgb(line.color) for line in self._series]:
            self._draw()

    def draw_line(self, y: int) -> Strip:
        return text_strip(self, self._shown[y] if y < len(self._shown) else Text())
