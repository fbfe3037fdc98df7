"""Looking at charts by keyboard: zoom, pan, the value cursor, and how the axes are drawn."""

from collections.abc import Callable
from dataclasses import replace

from edm_core.curves.axes import XUnit
from edm_core.curves.lines import Line, Range, View, next_x
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.charts_book import ChartBook
from edm_tui.widgets.chart_pane import ChartPane

SMOOTH = (0.0, 0.6, 0.9, 0.97, 0.99)
UNITS: tuple[XUnit, ...] = ("step", "epoch", "relative", "wall")
ZOOM, PAN = 0.6, 0.25
ENLARGED_ONLY = ("zoom_in_x", "zoom_out_x", "zoom_in_y", "zoom_out_y", "pan_back", "pan_on", "reset_view")


class Looking(EdmScreen):
    """The view of the charts. `enlarged` is the title of the chart that has the screen for itself, "" for none."""

    book: ChartBook
    enlarged = ""

    def __init__(self) -> None:
        super().__init__()
        self.view = View()
        self.cursor: float | None = None

    @property
    def pane(self) -> ChartPane:
        return self.query_one("#charts", ChartPane)

    def show_charts(self) -> None:
        """Draw again what the view shows."""
        raise NotImplementedError

    def looked(self) -> None:
        """The stretch of x in view is another one."""
        raise NotImplementedError

    def look(self, view: View) -> None:
        """Show this view from now on."""
        moved = (view.x, view.unit) != (self.view.x, self.view.unit)
        self.view = view
        self.show_charts()
        if moved:
            self.looked()

    # How ------------------------------------------------------------------------

    def do_unit(self) -> None:
        """x by step, epoch, relative time, time of day. The stretch and the cursor mean nothing on another axis."""
        unit = UNITS[(UNITS.index(self.view.unit) + 1) % len(UNITS)]
        self.cursor = None
        self.look(replace(self.view, unit=unit, x=None))

    def do_log_scale(self) -> None:
        self.look(replace(self.view, log=not self.view.log, y=None))

    def do_smooth(self) -> None:
        self.look(replace(self.view, smooth=SMOOTH[(SMOOTH.index(self.view.smooth) + 1) % len(SMOOTH)]))

    def do_outliers(self) -> None:
        self.look(replace(self.view, clip=not self.view.clip, y=None))

    # Where ----------------------------------------------------------------------

    def _seen(self) -> Range | None:
        frame = self.pane.frame_of(self.enlarged)
        return frame.x if frame is not None else None

    def zoom_x(self, factor: float, centre: float | None = None) -> None:
        """Show `factor` times as much of x, around the cursor where it is in view, else around the middle."""
        seen, ends = self._seen(), self.book.ends(self.enlarged, self.view.unit)
        if seen is None or ends is None:
            return
        low, high = seen
        middle = self.cursor if centre is None else centre
        if middle is None or not low <= middle <= high:
            middle = (low + high) / 2
        low, high = middle - (middle - low) * factor, middle + (high - middle) * factor
        if factor > 1 and low <= ends[0] and high >= ends[1]:
            self.look(replace(self.view, x=None))
        elif high - low > (1.5 if self.view.unit in ("step", "epoch") else 0.01):
            self.look(replace(self.view, x=(max(low, ends[0]), min(high, ends[1])) if factor > 1 else (low, high)))

    def pan_x(self, share: float) -> None:
        """Move the view along x by a share of its width, no further than the ends."""
        seen, ends = self._seen(), self.book.ends(self.enlarged, self.view.unit)
        if seen is None or ends is None or self.view.x is None:
            return
        width = seen[1] - seen[0]
        low = min(max(seen[0] + share * width, ends[0]), max(ends[0], ends[1] - width))
        self.look(replace(self.view, x=(low, low + width)))

    def zoom_y(self, factor: float) -> None:
        self._change_y(lambda low, high: ((low + high) / 2, (high - low) / 2 * factor))

    def pan_y(self, share: float) -> None:
        """Move the view along y by a share of its height."""
        self._change_y(lambda low, high: ((low + high) / 2 + share * (high - low), (high - low) / 2))

    def _change_y(self, change: Callable[[float, float], tuple[float, float]]) -> None:
        frame = self.pane.frame_of(self.enlarged)
        if frame is None:
            return
        middle, half = change(*frame.y)
        low, high = frame.scale.value(middle - half), frame.scale.value(middle + half)
        if low < high:
            self.look(replace(self.view, y=(low, high)))

    def do_zoom_in_x(self) -> None:
        self.zoom_x(ZOOM)

    def do_zoom_out_x(self) -> None:
        self.zoom_x(1 / ZOOM)

    def do_zoom_in_y(self) -> None:
        self.zoom_y(ZOOM)

    def do_zoom_out_y(self) -> None:
        self.zoom_y(1 / ZOOM)

    def do_pan_back(self) -> None:
        self.pan_x(-PAN)

    def do_pan_on(self) -> None:
        self.pan_x(PAN)

    def do_reset_view(self) -> None:
        self.cursor = None
        self.look(replace(self.view, x=None, y=None))

    # The value cursor -------------------------------------------------------------

    def move_cursor(self, direction: int, count: int = 1) -> None:
        """Go to the next place where any line has a value; the view follows."""
        lines = self.shown_lines()
        seen, ends = self._seen(), self.book.ends(self.enlarged, self.view.unit)
        if seen is None or ends is None:
            return
        x = self.cursor
        if x is None:
            x = min(seen[1], ends[1]) + 1 if direction < 0 else max(seen[0], ends[0]) - 1
        for _ in range(count):
            found = next_x(lines, self.view.unit, x, direction)
            if found is None:
                break
            x = found
        self.put_cursor(min(max(x, ends[0]), ends[1]))

    def put_cursor(self, x: float) -> None:
        """The value cursor stands at `x`; where that is out of view, the view moves."""
        self.cursor = x
        seen = self._seen()
        if seen is not None and self.view.x is not None and not seen[0] <= x <= seen[1]:
            width = seen[1] - seen[0]
            low = x if x < seen[0] else x - width
            self.look(replace(self.view, x=(low, low + width)))
        else:
            self.show_charts()

    def shown_lines(self) -> tuple[Line, ...]:
        """The lines of the enlarged chart as they are drawn."""
        return next((panel.lines for panel in self.pane.panels if panel.key == self.enlarged), ())
