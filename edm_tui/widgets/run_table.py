"""The run table: draws only the rows in view, keeps its cursor and marks by row id, scrolls by half a page."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip

from edm_core.settings import Settings
from edm_core.snapshots.runs import RunRow
from edm_tui.columns import Column, Look, columns_for, failed, name_column, sorted_rows
from edm_tui.formatting import fit
from edm_tui.messages import RunHighlighted, RunOpened
from edm_tui.themes import run_colour, run_mark
from edm_tui.widgets.painted import Painted
from edm_tui.widgets.run_detail import wrap

GAP = "  "
EMPTY_LINES = 8
MORE = "›"
"""At the end of the header where more columns follow."""
NARROW = 100


class RunTable(Painted, can_focus=True):
    """Rows come through `show`; `cursor_id` and `marks` survive every change of the rows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-table--cursor",
        "run-table--header",
        "run-table--bad",
        "run-table--stale",
    }

    def __init__(self, settings: Settings, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._settings = settings
        self._rows: Sequence[RunRow] = ()
        self._look = Look()
        self._cursor = 0
        self._top = 0
        self._left = 0
        self._columns: list[Column] = []
        self._first_column = name_column((), 8)
        self.cursor_id = ""
        self.marks: dict[str, RunRow | None] = {}
        self.sort_name = ""
        self.sort_reverse = False
        self.stale = False
        self.empty = ""

    # Rows ---------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[RunRow]:
        """The rows as shown: filtered and sorted."""
        return self._rows

    @property
    def row(self) -> RunRow | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def marked(self) -> tuple[RunRow, ...]:
        """The marked rows that are shown, in the order in which they were marked."""
        return tuple(row for row in self.marks.values() if row is not None)

    def show(self, rows: Sequence[RunRow], look: Look) -> None:
        """Show these rows, sorted by the chosen column. The cursor stays on its run, else near its place."""
        self._look = look
        self._lay_out(rows)
        column = self._sort_column()
        self._rows = rows if column is None else sorted_rows(rows, column, self.sort_reverse)
        self._find_cursor()
        self._find_marks()
        self._scroll_to_cursor()
        self.repaint()
        self._tell()

    def _find_marks(self) -> None:
        """The marked rows as they are now; None for those that are not shown."""
        if self.marks:
            found = {row.row_id: row for row in self._rows if row.row_id in self.marks}
            self.marks = {row_id: found.get(row_id) for row_id in self.marks}

    def _find_cursor(self) -> None:
        wanted = self.cursor_id
        at = self._cursor
        if not (at < len(self._rows) and self._rows[at].row_id == wanted):
            found = next((i for i, row in enumerate(self._rows) if row.row_id == wanted), None)
            self._cursor = min(at, max(0, len(self._rows) - 1)) if found is None else found

    def _tell(self) -> None:
        row_id = self.row.row_id if self.row else ""
        if row_id != self.cursor_id:
            self.cursor_id = row_id
            self.post_message(RunHighlighted(row_id))

    # Columns ------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        """All columns, the name first."""
        return [self._first_column, *self._columns]

    def _sort_column(self) -> Column | None:
        return next((column for column in self.columns if column.name == self.sort_name), None)

    def sort_next(self) -> None:
        """Sort by the next column in view order, after the last one by none (newest first)."""
        names = ["", *(column.name for column in self.columns)]
        at = names.index(self.sort_name) if self.sort_name in names else 0
        self.sort_name, self.sort_reverse = names[(at + 1) % len(names)], False

    def _lay_out(self, rows: Sequence[RunRow]) -> None:
        width = self.size.width or self.app.size.width
        self._columns = columns_for(rows, self._settings, width < NARROW)
        spared = sum(column.width + len(GAP) for column in self._columns[:3]) if width < NARROW else width * 2 // 3
        self._first_column = name_column(rows, max(16, min(40, width - spared - 2)))
        self._left = min(self._left, max(0, len(self._columns) - 1))

    def scroll_columns(self, step: int) -> None:
        """Show later (or earlier) columns; the name stays."""
        left = min(max(0, self._left + step), max(0, len(self._columns) - 1))
        if step > 0 and self._fits_all():
            return
        if left != self._left:
            self._left = left
            self.repaint()

    def _in_view(self) -> list[Column]:
        """The columns that fit beside the name, whole: half a number is another number."""
        room, found = self.size.width - 2 - self._first_column.width, []
        for column in self._columns[self._left :]:
            room -= column.width + len(GAP)
            if room < 0:
                break
            found.append(column)
        return found

    def _fits_all(self) -> bool:
        return len(self._in_view()) == len(self._columns) - self._left

    # Cursor -------------------------------------------------------------------

    @property
    def page(self) -> int:
        """How many rows are in view."""
        return max(1, self.size.height - 1)

    def move(self, step: int) -> None:
        """Move the cursor by `step` rows, at most to an end."""
        self.move_to(self._cursor + step)

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this place."""
        index = min(max(0, index), max(0, len(self._rows) - 1))
        if index == self._cursor or not self._rows:
            return
        before, self._cursor = self._cursor, index
        if self._scroll_to_cursor():
            self.repaint()
        else:
            self.repaint((before - self._top + 1, index - self._top + 1))
        self._tell()

    def go_to(self, row_id: str) -> None:
        """The cursor goes to this run, where it is shown."""
        found = next((i for i, row in enumerate(self._rows) if row.row_id == row_id), None)
        if found is not None:
            self.move_to(found)

    def _scroll_to_cursor(self) -> bool:
        """Bring the cursor into view, by half a page where it met the edge: a scroll costs the same however far."""
        page, before = self.page, self._top
        if not self._top <= self._cursor < self._top + page:
            self._top = self._cursor - page // 2
        self._top = min(max(0, self._top), max(0, len(self._rows) - page))
        return self._top != before

    def toggle_mark(self) -> None:
        """Mark or unmark the run under the cursor."""
        row = self.row
        if row is None:
            return
        if row.row_id in self.marks:
            del self.marks[row.row_id]
        else:
            self.marks[row.row_id] = row
        self.repaint((self._cursor - self._top + 1,))

    def clear_marks(self) -> None:
        self.marks.clear()
        self.repaint()

    # Drawing ------------------------------------------------------------------

    def draw_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        index = self._top + y - 1
        if index >= len(self._rows):
            text = self._empty_line(y - 2) if not self._rows else ""
            return Strip([Segment(fit(f"  {text}", self.size.width), self.style_of())])
        return self._row_line(self._rows[index], index == self._cursor)

    def _empty_line(self, line: int) -> str:
        """A line of why there are no rows: an error is told whole, because nothing else is on screen."""
        lines = wrap(self.empty, max(20, self.size.width - 4), EMPTY_LINES)
        return lines[line] if 0 <= line < len(lines) else ""

    def _header(self) -> Strip:
        style = self.style_of("run-table--header")
        parts = ["  ", fit(self._title(self._first_column), self._first_column.width)]
        for column in self._in_view():
            parts.append(GAP + fit(self._title(column), column.width, column.right))
        text = fit("".join(parts), self.size.width)
        return Strip([Segment(text if self._fits_all() else f"{text[:-1]}{MORE}", style)])

    def _title(self, column: Column) -> str:
        if column.name != self.sort_name:
            return column.title
        arrow = "▾" if column.largest_first != self.sort_reverse else "▴"
        return fit(column.title, min(len(column.title), column.width - 2)) + " " + arrow

    def _row_line(self, row: RunRow, cursor: bool) -> Strip:
        style = self.style_of("run-table--stale") if self.stale else self.style_of()
        if cursor:
            style = style + self.extra_style("run-table--cursor")
        marked = row.row_id in self.marks
        mark = (
            Segment(run_mark(row.row_id), style + Style(color=run_colour(row.row_id)))
            if marked
            else Segment(" ", style)
        )
        text = [" ", fit(self._first_column.cell(row, self._look), self._first_column.width)]
        segments = [mark]
        for column in self._in_view():
            cell = GAP + fit(column.cell(row, self._look), column.width, column.right)
            if column.name == "state" and failed(row):
                bad = self.extra_style("run-table--bad")
                segments += [Segment("".join(text), style), Segment(cell, style + bad)]
                text = []
            else:
                text.append(cell)
        segments.append(Segment("".join(text), style))
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def on_resize(self) -> None:
        # Textual calls Painted's handler too.
        self._lay_out(self._rows)
        self._scroll_to_cursor()

    # Mouse --------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        index = self._top + event.y - 1
        if event.y == 0 or index >= len(self._rows):
            return
        if index == self._cursor and self.row is not None:
            self.post_message(RunOpened(self.row.row_id))
        self.move_to(index)

    def on_mouse_scroll_down(self) -> None:
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        self.move(-3)
