"""Charts side by side on one page: draws a chart again only when it changed, and repaints only cells that differ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.strip import Strip

from edm_core.curves.lines import Frame, Line, View
from edm_core.curves.picture import Picture, draw, with_cursor
from edm_core.curves.plotted import ALARM, AXIS, CURSOR, Cell, runs
from edm_tui.themes import with_mark
from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. `colours` are those of the lines; `foot` stands below the plot; `cursor` is an x value."""

    key: str
    title: Text
    lines: tuple[Line, ...] = ()
    colours: tuple[str, ...] = ()
    view: View = field(default_factory=View)
    cursor: float | None = None
    foot: tuple[Text, ...] = ()
    chosen: bool = False


class ChartPane(Painted, can_focus=True):
    """Shows the panels of one page, `columns` beside each other, all of the same size."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"chart--axis", "chart--alarm", "chart--cursor"}

    @dataclass
    class Pointed(Message):
        """A click on a chart: its key, and the x value there (None outside of the plot)."""

        key: str
        x: float | None

    @dataclass
    class Wheel(Message):
        """The wheel over a chart, 1 forwards (zoom in) or -1 back; the x value under it; with shift it means y."""

        key: str
        direction: int
        x: float | None
        shift: bool

    @dataclass
    class Dragged(Message):
        """The only chart was dragged by these shares of its plot, to the right and down."""

        columns: float
        rows: float

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ascii = ascii_only
        self._panels: tuple[Panel, ...] = ()
        self._columns = 1
        self._pictures: dict[str, tuple[tuple[object, ...], Picture]] = {}
        self._strips: list[list[Strip]] = []
        self._drawn_height = 1
        self._pressed: tuple[int, int] | None = None
        self._held: tuple[int, int] | None = None
        self.empty = "reading …"

    @property
    def panels(self) -> tuple[Panel, ...]:
        return self._panels

    @property
    def cells(self) -> tuple[int, int]:
        """Width and height of each panel."""
        rows = -(-len(self._panels) // self._columns) or 1
        return (self.size.width - self._columns + 1) // self._columns, max(1, self.size.height // rows)

    def frame_of(self, key: str) -> Frame | None:
        """Where the plot of a panel lies, once it was drawn."""
        known = self._pictures.get(key)
        return known[1].frame if known is not None else None

    def show(self, panels: Sequence[Panel], columns: int) -> None:
        """Show these charts. What is the same as before is not drawn again, and what looks the same not repainted."""
        self._panels, self._columns = tuple(panels), max(1, columns)
        if self.size.width:
            self._draw()
            self.repaint()

    def _draw(self) -> None:
        width, height = self.cells
        keys = {panel.key for panel in self._panels}
        self._pictures = {key: known for key, known in self._pictures.items() if key in keys}
        self._strips = [self._panel_strips(panel, width, height) for panel in self._panels]
        self._drawn_height = height

    def _panel_strips(self, panel: Panel, width: int, height: int) -> list[Strip]:
        plot_height = height - 1 - len(panel.foot)
        stamp = (panel.lines, panel.view, width, plot_height)
        known = self._pictures.get(panel.key)
        if known is None or known[0] != stamp:
            known = self._pictures[panel.key] = (stamp, draw(panel.lines, panel.view, width, plot_height))
        rows = known[1].rows if panel.cursor is None else with_cursor(known[1], panel.cursor)
        title = panel.title.copy()
        title.stylize("reverse" if panel.chosen else "bold")
        strips = [self._text(title, width)]
        strips += [self._cells(row, panel) for row in rows] or [self._text(Text("  no values yet", "dim"), width)]
        strips += [self._text(Text(), width)] * (height - len(panel.foot) - len(strips))
        return [*strips, *(self._text(line, width) for line in panel.foot)]

    def _text(self, text: Text, width: int) -> Strip:
        fitted = text.copy()
        fitted.truncate(width, overflow="ellipsis")
        return text_strip(self, fitted).adjust_cell_length(width, self.style_of())

    def _cells(self, row: Sequence[Cell], panel: Panel) -> Strip:
        """With `--ascii` a line is drawn with the mark of its run."""
        segments = []
        for text, owner, faint in runs(row):
            shown = with_mark(text, panel.lines[owner].mark) if self._ascii and owner >= 0 else text
            segments.append(Segment(shown, self._style(owner, faint, panel)))
        return Strip(segments)

    def _style(self, owner: int, faint: bool, panel: Panel) -> Style:
        if owner in (AXIS, ALARM, CURSOR):
            return self.style_of({AXIS: "chart--axis", ALARM: "chart--alarm", CURSOR: "chart--cursor"}[owner])
        return self.style_of() + Style(color=panel.colours[owner], dim=faint or None)

    def draw_line(self, y: int) -> Strip:
        # As drawn: the size is another one already while a layout changes.
        row, line = divmod(y, self._drawn_height)
        found = self._strips[row * self._columns : (row + 1) * self._columns]
        if not found:
            return text_strip(self, Text(self.empty if not self._panels and y == 0 else "", style="dim"))
        gap = Strip([Segment(" ", self.style_of())])
        strips = [part for strips in found for part in (strips[line], gap)]
        return Strip.join(strips).adjust_cell_length(self.size.width, self.style_of())

    def on_resize(self) -> None:
        self._draw()
        super().on_resize()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._strips:
            self._draw()

    # Mouse ------------------------------------------------------------------

    def _under(self, event: events.MouseEvent) -> tuple[Panel, int] | None:
        """The panel under the pointer, and the cell column within it."""
        width, height = self.cells
        column, inside = divmod(event.x, width + 1)
        index = event.y // height * self._columns + column
        return (self._panels[index], inside) if column < self._columns and index < len(self._panels) else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._pressed = self._held = (event.x, event.y)
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._held is None or not self._panels:
            return
        frame = self.frame_of(self._panels[0].key) if len(self._panels) == 1 else None
        columns, rows = event.x - self._held[0], event.y - self._held[1]
        if frame is not None and (columns or rows):
            self._held = (event.x, event.y)
            self.post_message(self.Dragged(columns / frame.width, rows / frame.height))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
        pressed, self._held = self._pressed, None
        if pressed == (event.x, event.y):
            self._point(event)

    def _point(self, event: events.MouseEvent) -> None:
        found = self._under(event)
        if found is None:
            return
        panel, column = found
        frame = self.frame_of(panel.key)
        inside = frame is not None and frame.left <= column < frame.left + frame.width
        self.post_message(self.Pointed(panel.key, frame.x_at(column) if frame is not None and inside else None))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        found = self._under(event)
        if found is None:
            return
        panel, column = found
        frame = self.frame_of(panel.key)
        x = frame.x_at(min(max(column, frame.left), frame.left + frame.width - 1)) if frame is not None else None
        self.post_message(self.Wheel(panel.key, direction, x, event.shift))
