"""Charts: every metric of the chosen runs as a line, as a grid of charts, and one chart with the screen for itself."""

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text
from textual.app import ComposeResult

from edm_core.snapshots.runs import RunRow
from edm_tui.messages import FilterChanged
from edm_tui.screens.charts_book import ChartBook
from edm_tui.screens.charts_look import ENLARGED_ONLY
from edm_tui.screens.charts_reading import ChartReading
from edm_tui.screens.charts_text import foot_lines, legend, metric_lines, status_text, title_text, where
from edm_tui.widgets.chart_pane import ChartPane, Panel
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.status_line import StatusLine
from edm_tui.widgets.text_line import TextLine

LEAD = "← → value · [ ] { } zoom · ( ) pan · 0 reset · esc back"
FILTER_HINT = "part of a name, glob or expression; !word leaves charts with it out"


class ChartsScreen(ChartReading):
    """`rows` are the runs to show. `grid` says whether the list or the grid of charts comes first."""

    context = "charts"
    CSS_PATH = "../styles/charts.tcss"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self._given = tuple(rows)

    def compose(self) -> ComposeResult:
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        yield StatusLine(id="status")
        yield TextLine(id="legend")
        yield LineList(id="metrics", empty="reading …")
        yield ChartPane(ascii_only=ascii_only, id="charts")
        yield KeyBar(self.context, id="keys")

    def on_mount(self) -> None:
        self.book = ChartBook(self._given, self.services.workspace.settings.metrics)
        self.query_one("#legend", TextLine).say(legend(self.book.rows))
        self.show_charts()

    def targets(self) -> tuple[RunRow, ...]:
        return self.book.rows or self._given

    # Showing --------------------------------------------------------------------

    def show_charts(self) -> None:
        """Bring list, charts, status line and key bar up to date."""
        listed = not self.grid and not self.enlarged
        self.metric_list.display, self.pane.display = listed, not listed
        self.query_one("#legend", TextLine).display = len(self.book.rows) > 1 and not listed and not self.enlarged
        if not self.query("FilterBar"):
            (self.metric_list if listed else self.pane).focus()
        empty = self._empty()
        self.metric_list.set_empty(empty)
        self.pane.empty = empty
        if listed:
            header, lines = metric_lines(self.book, self.size.width)
            self.metric_list.set_lines(lines, header if lines else None)
        elif self.enlarged:
            self.pane.show([self._large()], 1)
        else:
            titles, columns, _ = self.page()
            self.pane.show([self._small(title) for title in titles], columns)
        self.say()

    def _empty(self) -> str:
        if not self.book.rows:
            return "no run of MLflow is chosen: 1, then space marks runs" + (f" · {self.fault}" if self.fault else "")
        if not self.read_once:
            return "reading …"
        if self.fault:
            return self.fault
        return f"no chart fits {self.book.pattern}: esc clears" if self.book.pattern else "no metrics yet"

    def _small(self, title: str) -> Panel:
        lines, colours = self.book.lines(title)
        view = replace(self.view, x=None, y=None, growing=self.book.growing)
        heading = title_text(title, lines, colours, alone=len(self.book.rows) == 1)
        return Panel(title, heading, lines, colours, view, chosen=title == self.title_now)

    def _large(self) -> Panel:
        title = self.enlarged
        view = replace(self.view, growing=self.book.growing and self.view.x is None)
        seen = self.view.x or self.book.ends(title, view.unit)
        lines, colours = self.book.lines(title, (view.unit, seen) if seen else None)
        heading = title_text(title, lines, colours, alone=False)
        if self.cursor is not None:
            heading.append(f"   {where(self.cursor, view.unit)}")
        foot = foot_lines(self.book, title, lines, view, self.cursor, max(2, self.size.height // 3))
        return Panel(title, heading, lines, colours, view, self.cursor, foot)

    def say(self) -> None:
        titles = self.book.charts()
        status = status_text(self.book, len(titles), self.view, self.page_text(), self.fault)
        self.query_one("#status", StatusLine).say(status, " · ".join(self.services.running))
        lead = LEAD if self.enlarged else ""
        self.query_one("#keys", KeyBar).update_keys(self.reason, lead)

    def on_resize(self) -> None:
        self.show_charts()

    def on_line_list_highlighted(self) -> None:
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.do_open()

    # Verbs ----------------------------------------------------------------------

    def reason(self, verb: str) -> str:
        if verb in ENLARGED_ONLY:
            return "" if self.enlarged else "enter enlarges a chart first"
        if verb in ("step_on", "step_back"):
            return "" if self.enlarged or self.grid else "enter enlarges a chart first"
        if verb in ("open", "export"):
            return "" if self.title_now else "no chart"
        if verb == "copy":
            return "" if self.title_now else "nothing under the cursor"
        return super().reason(verb)

    def do_filter(self) -> None:
        from edm_tui.widgets.filter_bar import FilterBar

        if not self.query(FilterBar):
            if self.enlarged:
                self.do_back()
            self.mount(FilterBar(self.book.pattern, hint=FILTER_HINT, id="filter"), before="#keys")

    def on_filter_changed(self, message: FilterChanged) -> None:
        from edm_tui.widgets.filter_bar import FilterBar

        message.stop()
        self.book.pattern = message.text.strip()
        bar = self.query_one(FilterBar)
        self.show_charts()
        bar.show_count(len(self.book.charts()), self.book.count)
        if message.done:
            bar.remove()
            (self.pane if self.grid else self.metric_list).focus()

    def do_copy(self) -> None:
        """Copy the values as they stand at the cursor."""
        lines = [line.plain.strip() for line in self._large().foot] if self.enlarged else [self._listed()]
        text = "\n".join(lines)
        self.app.copy_to_clipboard(text)
        self.notify(f"copied: {text}", markup=False)

    def _listed(self) -> str:
        if self.grid:
            return self.title_now
        found = next((line.text for line in self.metric_list.lines if line.key == self.metric_list.key), Text())
        return " ".join(found.plain.split())

    def do_export(self) -> None:
        """The chart as SVG or PNG, or its points as CSV."""
        from edm_core.curves.figure import Chart
        from edm_tui.screens.charts_export import export_chart

        title = self.title_now
        panel = self._large() if self.enlarged else self._small(title)
        series = [(row, key) for row, key, _ in self.book.histories(title)]
        export_chart(self, Chart(title, panel.lines, panel.colours, panel.view), series)


class ChartGridScreen(ChartsScreen):
    """The same, with the grid first: `v`."""

    grid = True
