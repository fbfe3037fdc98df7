"""The run table: draws only the lines in view, keeps its cursor and marks by row id, scrolls by half a page."""

from collections.abc import Sequence

from textual import events

from edm_core.settings import Settings
from edm_core.snapshots.run_columns import RunView
from edm_core.snapshots.runs import RunRow
from edm_core.table.groups import Arrangement, Group
from edm_core.table.view import View
from edm_tui.messages import HeaderClicked, RunHighlighted, RunOpened
from edm_tui.run_cells import Look
from edm_tui.widgets.run_lines import RunLines


class RunTable(RunLines, can_focus=True):
    """What it shows comes through `show`; `cursor_id` and `marks` survive every change of the runs."""

    def __init__(self, settings: Settings, *, id: str | None = None) -> None:
        super().__init__(settings, id=id)
        self.cursor_id = ""

    # Rows ---------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[RunRow]:
        """The runs as shown: filtered and sorted, those that are folded away included."""
        return RunView(self.arrangement.frame.columns, self.arrangement.runs)

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor; None on the line of a group."""
        return self.arrangement.row(self._cursor) if self.arrangement.lines else None

    @property
    def group(self) -> Group | None:
        """The group whose line is under the cursor."""
        return self.arrangement.group(self._cursor) if self.arrangement.lines else None

    @property
    def fold_id(self) -> str:
        """What is folded or unfolded here: the line under the cursor, else what it stands below; "" for nothing."""
        if not self.arrangement.lines:
            return ""
        if self.arrangement.is_open(self._cursor) is not None:
            return self.arrangement.row_id(self._cursor)
        return self.arrangement.above(self._cursor)

    def marked(self) -> tuple[RunRow, ...]:
        """The marked runs that are shown, in the order in which they were marked."""
        return tuple(row for row in self.marks.values() if row is not None)

    def show(self, arrangement: Arrangement, view: View, look: Look) -> None:
        """Show these lines. The cursor stays on its run, else near its place."""
        self.arrangement, self.view, self.look = arrangement, view, look
        self.lay_out()
        self._find_cursor()
        self.marks = {row_id: arrangement.shown(row_id) for row_id in self.marks}
        self._scroll_to_cursor()
        self.repaint()
        self._tell()

    def _find_cursor(self) -> None:
        lines, at = len(self.arrangement), self._cursor
        if at < lines and self.arrangement.row_id(at) == self.cursor_id:
            return
        found = self.arrangement.line_of(self.cursor_id) if self.cursor_id else None
        self._cursor = min(at, max(0, lines - 1)) if found is None else found

    def _tell(self) -> None:
        row_id = self.arrangement.row_id(self._cursor) if self.arrangement.lines else ""
        if row_id != self.cursor_id:
            self.cursor_id = row_id
            self.post_message(RunHighlighted(row_id))

    # Cursor -------------------------------------------------------------------

    @property
    def page(self) -> int:
        """How many rows are in view."""
        return max(1, self.size.height - 1)

    def move(self, step: int) -> None:
        """Move the cursor by `step` lines, at most to an end."""
        self.move_to(self._cursor + step)

    def move_to(self, line: int) -> None:
        """Put the cursor on this line."""
        line = min(max(0, line), max(0, len(self.arrangement) - 1))
        if line == self._cursor or not self.arrangement.lines:
            return
        before, self._cursor = self._cursor, line
        if self._scroll_to_cursor():
            self.repaint()
        else:
            self.repaint((before - self._top + 1, line - self._top + 1))
        self._tell()

    def go_to(self, row_id: str) -> None:
        """The cursor goes to this run, where it is shown."""
        found = self.arrangement.line_of(row_id)
        if found is not None:
            self.move_to(found)

    def _scroll_to_cursor(self) -> bool:
        """Bring the cursor into view, by half a page where it met the edge: a scroll costs the same however far."""
        page, before = self.page, self._top
        if not self._top <= self._cursor < self._top + page:
            self._top = self._cursor - page // 2
        self._top = min(max(0, self._top), max(0, len(self.arrangement) - page))
        return self._top != before

    def scroll_lines(self, step: int) -> None:
        """Scroll the view; the cursor stays where it is, or at the edge."""
        before = self._top
        self._top = min(max(0, before + step), max(0, len(self.arrangement) - self.page))
        if self._top != before:
            self._cursor = min(max(self._cursor, self._top), self._top + self.page - 1)
            self.repaint()
            self._tell()

    # Marks --------------------------------------------------------------------

    def toggle_mark(self) -> None:
        """Mark or unmark the run under the cursor; on the line of a group all its runs."""
        group, row = self.group, self.row
        rows = [self.arrangement.frame.row(at) for at in group.runs] if group is not None else [row] if row else []
        marking = any(row.row_id not in self.marks for row in rows)
        for row in rows:
            if marking:
                self.marks.setdefault(row.row_id, row)
            else:
                del self.marks[row.row_id]
        self.repaint(None if group is not None else (self._cursor - self._top + 1,))

    def clear_marks(self) -> None:
        self.marks.clear()
        self.repaint()

    # Size and mouse -------------------------------------------------------------

    def on_resize(self) -> None:
        # Textual calls Painted's handler too.
        self.lay_out()
        self._scroll_to_cursor()

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            column = self.column_at(event.x)
            if column is not None:
                self.post_message(HeaderClicked(column.field.name, event.shift or event.ctrl))
            return
        line = self._top + event.y - 1
        if line >= len(self.arrangement):
            return
        if line == self._cursor:
            self.post_message(RunOpened(self.cursor_id))
        self.move_to(line)

    def on_mouse_scroll_down(self) -> None:
        self.scroll_lines(3)

    def on_mouse_scroll_up(self) -> None:
        self.scroll_lines(-3)
