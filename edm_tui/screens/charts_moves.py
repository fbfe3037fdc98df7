"""Getting about in charts: list, grid and enlarged chart, from one to the other, by keyboard and mouse."""

from dataclasses import replace

from edm_tui.screens.charts_book import is_system
from edm_tui.screens.charts_look import Looking
from edm_tui.screens.charts_text import SYSTEM_HEADING
from edm_tui.widgets.chart_pane import ChartPane
from edm_tui.widgets.line_list import LineList

WIDE = 124
"""Cells from which charts stand three or more beside each other."""
CELL_WIDTH, WIDE_CELL_WIDTH, CELL_HEIGHT = 38, 60, 10


class ChartMoves(Looking):
    """`grid` says whether the grid or the list stands behind the enlarged chart; `at` is the place in the grid."""

    grid = False

    def __init__(self) -> None:
        super().__init__()
        self.at = 0

    @property
    def metric_list(self) -> LineList:
        return self.query_one("#metrics", LineList)

    @property
    def title_now(self) -> str:
        """The chart under the cursor, "" where there is none."""
        if self.enlarged:
            return self.enlarged
        if not self.grid:
            return self.metric_list.key.partition("\n")[0]
        titles = self.book.charts()
        return titles[self.at] if self.at < len(titles) else ""

    def page(self) -> tuple[list[str], int, int]:
        """The charts of this page, how many stand beside each other, and how many a page holds."""
        titles = self.book.charts()
        self.at = min(max(self.at, 0), max(0, len(titles) - 1))
        first, titles = self._section(titles)
        width, height = self.size.width, max(1, self.size.height - (3 if len(self.book.rows) > 1 else 2))
        columns = max(1, width // (WIDE_CELL_WIDTH if width >= WIDE else CELL_WIDTH))
        columns = max(1, min(columns, len(titles)))
        most = columns * max(1, height // CELL_HEIGHT)
        start = (self.at - first) // most * most
        return titles[start : start + most], columns, most

    def page_text(self) -> str:
        """Which page of which section is shown, "" where there is one of one."""
        titles = self.book.charts()
        if not self.grid or self.enlarged or not titles:
            return ""
        most = self.page()[2]
        first, section = self._section(titles)
        pages = -(-len(section) // most)
        page = f"page {(self.at - first) // most + 1} of {pages}" if pages > 1 else ""
        return " · ".join(filter(None, (SYSTEM_HEADING if is_system(section[0]) else "", page)))

    def _section(self, titles: list[str]) -> tuple[int, list[str]]:
        """The charts of the section that the cursor is in, and the place of its first: those of the machine have pages
        of their own."""
        machine = sum(map(is_system, titles))
        first = len(titles) - machine
        return (first, titles[first:]) if machine and self.at >= first else (0, titles[:first])

    # From one to the other --------------------------------------------------------

    def do_charts(self) -> None:
        """The grid of charts, or the list again."""
        self._go(grid=not self.grid)

    def do_charts_screen(self) -> None:
        """The list of metrics."""
        self._go(grid=False)

    def _go(self, *, grid: bool) -> None:
        title = self.title_now
        self._leave()
        self.grid = grid
        self._stand_on(title)

    def _stand_on(self, title: str) -> None:
        """The cursor is on this chart, in the grid as in the list."""
        titles = self.book.charts()
        self.at = titles.index(title) if title in titles else 0
        self.show_charts()
        key = next((line.key for line in self.metric_list.lines if line.key.partition("\n")[0] == title), "")
        if not self.metric_list.key.startswith(f"{title}\n"):
            self.metric_list.move_to(key)

    def _leave(self) -> None:
        self.enlarged, self.cursor = "", None
        self.view = replace(self.view, x=None, y=None)

    def do_open(self) -> None:
        """Enlarge the chart under the cursor."""
        if self.title_now and not self.enlarged:
            self._enlarge(self.title_now)

    def _enlarge(self, title: str) -> None:
        self._leave()
        self.enlarged = title
        self.show_charts()
        self.call_after_refresh(self.looked)

    def do_back(self) -> None:
        """Step out one layer: the enlarged chart, the filter, the screen."""
        if self.enlarged:
            title = self.enlarged
            self._leave()
            self._stand_on(title)
        elif self.book.pattern:
            self.book.pattern = ""
            self.show_charts()
        else:
            super().do_back()

    # Moving -----------------------------------------------------------------------

    def do_step_back(self) -> None:
        self.move_cursor(-1) if self.enlarged else self._move(-1)

    def do_step_on(self) -> None:
        self.move_cursor(1) if self.enlarged else self._move(1)

    def _move(self, step: int) -> None:
        last = max(0, len(self.book.charts()) - 1)
        self.at = min(max(self.at + step, 0), last)
        self.show_charts()

    def _vertical(self, direction: int) -> None:
        if self.enlarged:
            self.pan_y(-0.25 * direction)
        elif not self.grid:
            self.metric_list.action_move(direction)
        elif 0 <= self.at + direction * self.page()[1] < len(self.book.charts()):
            self._move(direction * self.page()[1])

    def _turn(self, direction: int) -> None:
        """The next page, or the next chart when one is enlarged."""
        if self.enlarged:
            titles = self.book.charts()
            place = titles.index(self.enlarged) + direction if self.enlarged in titles else 0
            if 0 <= place < len(titles):
                self._enlarge(titles[place])
        elif self.grid:
            self._move(direction * self.page()[2])
        else:
            self.metric_list.action_page(direction)

    def _edge(self, direction: int) -> None:
        ends = self.book.ends(self.enlarged, self.view.unit) if self.enlarged else None
        if ends is not None:
            self.put_cursor(ends[0] if direction < 0 else ends[1])
        elif self.grid:
            self._move(direction * len(self.book.charts()))
        else:
            self.metric_list.action_edge(direction)

    def do_down(self) -> None:
        self._vertical(1)

    def do_up(self) -> None:
        self._vertical(-1)

    def do_page_down(self) -> None:
        self._turn(1)

    def do_page_up(self) -> None:
        self._turn(-1)

    def do_top(self) -> None:
        self._edge(-1)

    def do_bottom(self) -> None:
        self._edge(1)

    # Mouse ------------------------------------------------------------------------

    def on_chart_pane_pointed(self, event: ChartPane.Pointed) -> None:
        if self.enlarged:
            if event.x is not None:
                self.put_cursor(event.x)
            return
        titles = self.book.charts()
        again = self.title_now == event.key
        self.at = titles.index(event.key) if event.key in titles else self.at
        self.do_open() if again else self.show_charts()

    def on_chart_pane_wheel(self, event: ChartPane.Wheel) -> None:
        if not self.enlarged:
            self.do_page_up() if event.direction > 0 else self.do_page_down()
        elif event.shift:
            self.zoom_y(0.8 if event.direction > 0 else 1.25)
        else:
            self.zoom_x(0.8 if event.direction > 0 else 1.25, event.x)

    def on_chart_pane_dragged(self, event: ChartPane.Dragged) -> None:
        """The chart goes with the pointer: along x where it is zoomed, along y where y is."""
        if self.enlarged and event.columns:
            self.pan_x(-event.columns)
        if self.enlarged and event.rows and self.view.y is not None:
            self.pan_y(event.rows)
