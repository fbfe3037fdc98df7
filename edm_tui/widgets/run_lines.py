"""How the run table draws itself: the header, and a line for each run or group."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from edm_core.settings import Settings
from edm_core.snapshots.runs import RunRow
from edm_core.table.frame import Frame
from edm_core.table.groups import Arrangement, Group, arrange
from edm_core.table.usual import usual_fields
from edm_core.table.view import Shown, View
from edm_tui.columns import DEEPEST, INDENT, NAME, SAMPLE, Column, made, name_width, titled
from edm_tui.formatting import fit
from edm_tui.run_cells import Look, failed, group_cell, group_text, run_cell
from edm_tui.themes import run_colour, run_mark
from edm_tui.widgets.painted import Painted
from edm_tui.widgets.run_detail import wrap

GAP = "  "
EMPTY_LINES = 8
MORE = "›"
"""At the end of the header where more columns follow."""
NARROW = 100
OPEN, SHUT = "▾ ", "▸ "


class RunLines(Painted):
    """Draws `arrangement` from line `_top` on; which line has the cursor and which runs are marked is the table's."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-table--cursor",
        "run-table--header",
        "run-table--group",
        "run-table--bad",
        "run-table--stale",
    }

    def __init__(self, settings: Settings, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._settings = settings
        self.view = View()
        self.arrangement: Arrangement = arrange(Frame((), settings.metrics), self.view, None, ())
        self.look = Look()
        self.everywhere = False
        """Whether runs of all experiments are shown."""
        self.marks: dict[str, RunRow | None] = {}
        self.stale = False
        self.empty = ""
        self._columns: list[Column] = []
        self._frozen = Column(NAME, "run", 8)
        self._cursor = self._top = self._left = 0

    # Columns ------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        """All columns, the name first."""
        return [self._frozen, *self._columns]

    def shown_columns(self) -> list[Shown]:
        """The columns after the name as chosen, else the usual ones."""
        if self.view.columns:
            compared = self.look.baseline is not None
            return [one for one in self.view.columns if one.field != NAME and (compared or one.field.kind != "delta")]
        runs = self.arrangement.frame.columns
        fields = usual_fields(
            self._settings, runs.metrics, runs.params, narrow=self._narrow,
            delta=self.look.baseline is not None, everywhere=self.everywhere,
        )  # fmt: skip
        return [Shown(field) for field in fields]

    @property
    def _narrow(self) -> bool:
        return (self.size.width or self.app.size.width) < NARROW

    def lay_out(self) -> None:
        """Find out again how wide the columns are."""
        frame, width = self.arrangement.frame, self.size.width or self.app.size.width
        rows = [frame.row(at) for at in frame.newest[:SAMPLE]]
        self._columns = made(self.shown_columns(), rows, self.view.sort)
        spared = sum(column.width + len(GAP) for column in self._columns[:3]) if self._narrow else width * 2 // 3
        chosen = next((one.width for one in self.view.columns if one.field == NAME), 0)
        wide = chosen or name_width(self.arrangement, max(16, min(40, width - spared - 2)))
        by = self.arrangement.groups[0].field.key if self.arrangement.groups else ""
        self._frozen = Column(NAME, f"run by {by}" if by else "run", min(wide, max(8, width - 2)))
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
        room, found = self.size.width - 2 - self._frozen.width, []
        for column in self._columns[self._left :]:
            room -= column.width + len(GAP)
            if room < 0:
                break
            found.append(column)
        return found

    def _fits_all(self) -> bool:
        return len(self._in_view()) == len(self._columns) - self._left

    def curves_shown(self) -> list[str]:
        """The metrics whose curves are in view."""
        return [column.field.key for column in self._in_view() if column.field.kind in ("metric", "spark")]

    def runs_in_view(self) -> list[int]:
        """The positions of the runs whose lines are in view."""
        lines = self.arrangement.lines[self._top : self._top + max(0, self.size.height - 1)]
        return [at for at in lines if at >= 0]

    def column_at(self, x: int) -> Column | None:
        """The column whose title stands at this cell of the header."""
        end = 2 + self._frozen.width
        if x < end:
            return self._frozen
        for column in self._in_view():
            end += len(GAP) + column.width
            if x < end:
                return column
        return None

    # Drawing ------------------------------------------------------------------

    def draw_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        line = self._top + y - 1
        if line >= len(self.arrangement):
            text = self._empty_line(y - 2) if not self.arrangement.lines else ""
            return Strip([Segment(fit(f"  {text}", self.size.width), self.style_of())])
        group, row = self.arrangement.group(line), self.arrangement.row(line)
        segments: Sequence[Segment] = ()
        if group is not None:
            segments = self._group_line(group, line)
        elif row is not None:
            segments = self._run_line(row, line)
        return Strip(segments).adjust_cell_length(self.size.width, self._style(line))

    def _empty_line(self, line: int) -> str:
        """A line of why there are no rows: an error is told whole, because nothing else is on screen."""
        lines = wrap(self.empty, max(20, self.size.width - 4), EMPTY_LINES)
        return lines[line] if 0 <= line < len(lines) else ""

    def _header(self) -> Strip:
        sort = self.view.sort
        parts = ["  ", fit(titled(self._frozen, sort), self._frozen.width)]
        parts += [GAP + fit(titled(column, sort), column.width, column.right) for column in self._in_view()]
        text = fit("".join(parts), self.size.width)
        style = self.style_of("run-table--header")
        return Strip([Segment(text if self._fits_all() else f"{text[:-1]}{MORE}", style)])

    def _style(self, line: int) -> Style:
        style = self.style_of("run-table--stale") if self.stale else self.style_of()
        return style + self.extra_style("run-table--cursor") if line == self._cursor else style

    def _run_line(self, row: RunRow, line: int) -> Sequence[Segment]:
        style = self._style(line)
        name = self._indent(line) + run_cell(row, NAME, self._frozen.width, self.look, self.arrangement)
        text = [" ", fit(name, self._frozen.width)]
        segments = [self._mark(row, style)]
        for column in self._in_view():
            found = run_cell(row, column.field, column.width, self.look, self.arrangement)
            cell = GAP + fit(found, column.width, column.right)
            if column.field.name == "state" and failed(row):
                segments += [Segment("".join(text), style), Segment(cell, style + self.extra_style("run-table--bad"))]
                text = []
            else:
                text.append(cell)
        segments.append(Segment("".join(text), style))
        return segments

    def _mark(self, row: RunRow, style: Style) -> Segment:
        if row.row_id in self.marks:
            return Segment(run_mark(row.row_id), style + Style(color=run_colour(row.row_id)))
        return Segment(" ", style)

    def _indent(self, line: int) -> str:
        """Where the run stands in the tree, or in its group."""
        arrangement = self.arrangement
        if arrangement.groups:
            return " " * INDENT
        if not arrangement.children:
            return ""
        depth = min(DEEPEST, arrangement.depth.get(arrangement.lines[line], 0))
        return " " * INDENT * depth + {None: " " * INDENT, True: OPEN, False: SHUT}[arrangement.is_open(line)]

    def _group_line(self, group: Group, line: int) -> Sequence[Segment]:
        style = self._style(line) + self.extra_style("run-table--group")
        count = f"  n {len(group.runs):,}"
        title = (OPEN if self.arrangement.is_open(line) else SHUT) + group_text(group)
        parts = [
            fit("", 2),
            fit(fit(title, max(4, self._frozen.width - len(count))).rstrip() + count, self._frozen.width),
        ]
        for column in self._in_view():
            found = group_cell(group, column.field, self.look, self.arrangement)
            parts.append(GAP + fit(found, column.width, column.right))
        return [Segment("".join(parts), style)]
