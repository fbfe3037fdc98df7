"""A chart of metrics that grows: repaints only the cells that a new point changed."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from edm_tui.widgets.cells import plain
from edm_tui.widgets.plot import Rgb, Series, draw
from edm_tui.widgets.themed import text_strip, theme_style


class MetricChart(Widget):
    """Lines over the epochs, with a legend that names each and its last value."""

    DEFAULT_CSS = "MetricChart { height: 1fr; min-height: 4; }"

    def __init__(self, title: str = "", *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._ascii = ascii_only
        self._series: tuple[Series, ...] = ()
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
        before = self._shown
        colors = [self._rgb(line.color) for line in self._series]
        body = draw(self._series, colors, self.size.width, self.size.height - 1, self._ascii)
        self._shown = [self._legend(), *(body or [Text("no values yet", style="dim")])]
        for row in range(max(len(before), len(self._shown))):
            self._refresh_row(row, before)

    def _refresh_row(self, row: int, before: list[Text]) -> None:
        old = before[row] if row < len(before) else Text()
        new = self._shown[row] if row < len(self._shown) else Text()
        if old == new and old.spans == new.spans:
            return
        left, right = _changed(old.plain, new.plain) if row else (0, self.size.width)
        self.refresh(Region(left, row, max(1, right - left), 1))

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
        self._draw()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return text_strip(self, self._shown[y] if y < len(self._shown) else Text())


def _changed(old: str, new: str) -> tuple[int, int]:
    """First and one past the last cell in which two lines differ."""
    width = max(len(old), len(new))
    old, new = old.ljust(width), new.ljust(width)
    differ = [at for at in range(width) if old[at] != new[at]]
    return (differ[0], differ[-1] + 1) if differ else (0, width)
