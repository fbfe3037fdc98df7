"""A list of lines with a cursor: draws only what is in view, and repaints only what changed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip


class AnyLine(Protocol):
    """What the list needs of a line."""

    @property
    def text(self) -> Text:
        """What is drawn."""

    @property
    def key(self) -> str:
        """Its name, "" for a line that the cursor passes over."""


class LazyLine:
    """A line whose text is made when it is drawn: a list of thousands shows a few dozen."""

    __slots__ = ("_made", "_make", "key")

    def __init__(self, make: Callable[[], Text], key: str) -> None:
        self._make = make
        self._made: Text | None = None
        self.key = key

    @property
    def text(self) -> Text:
        if self._made is None:
            self._made = self._make()
        return self._made


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `key` names it through reloads; without one the cursor passes over it. A span's style may be a
    theme variable such as `$success`."""

    text: Text
    key: str = ""


class LineList(Painted, can_focus=True):
    """Lines under an optional header that stays in place."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-list--cursor", "line-list--header"}
    DEFAULT_CSS = """
    LineList { height: 1fr; }
    LineList > .line-list--cursor { text-style: reverse; }
    LineList > .line-list--header { text-style: bold; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "edge(-1)", "first", show=False),
        Binding("G,end", "edge(1)", "last", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("enter", "choose", "open", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor is on the line with this key now."""

        sender: "LineList"
        key: str

        @property
        def control(self) -> "LineList":
            return self.sender

    @dataclass
    class Chosen(Message):
        """Enter was pressed on the line with this key."""

        sender: "LineList"
        key: str

        @property
        def control(self) -> "LineList":
            return self.sender

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        super().__init__(id=id)
        self._lines: tuple[AnyLine, ...] = ()
        self._header: Text | None = None
        self._empty = empty
        self._cursor = -1
        self._top = 0

    @property
    def key(self) -> str:
        """The key under the cursor, "" where there is none."""
        return self._lines[self._cursor].key if 0 <= self._cursor < len(self._lines) else ""

    @property
    def lines(self) -> tuple[AnyLine, ...]:
        return self._lines

    def set_lines(self, lines: Iterable[AnyLine], header: Text | None = None) -> None:
        """Show these lines. The cursor stays on its key, else near its place."""
        old_key = self.key
        self._lines, self._header = tuple(lines), header
        places = {line.key: index for index, line in enumerate(self._lines) if line.key}
        self._cursor = places.get(old_key, self._nearest(max(0, self._cursor)))
        self._scroll_into_view()
        self.repaint()
        if self.key != old_key:
            self.post_message(self.Highlighted(self, self.key))

    def set_empty(self, text: str) -> None:
        """What to say where there are no lines."""
        self._empty = text
        if not self._lines:
            self.repaint()

    def move_to(self, key: str) -> None:
        """Put the cursor on a line by its key, where it is there."""
        for index, line in enumerate(self._lines):
            if line.key and line.key == key:
                self._go(index)
                return

    # Movement ---------------------------------------------------------------

    def action_move(self, step: int) -> None:
        index = self._cursor + step
        while 0 <= index < len(self._lines) and not self._lines[index].key:
            index += step
        if 0 <= index < len(self._lines):
            self._go(index)
        else:
            self._show_edge(step)

    def action_edge(self, side: int) -> None:
        self._go(self._nearest(0 if side < 0 else len(self._lines) - 1))
        self._show_edge(side)

    def action_page(self, side: int) -> None:
        target = self._cursor + side * max(1, self._rows - 1)
        self._go(self._nearest(min(max(0, target), len(self._lines) - 1)))

    def action_choose(self) -> None:
        if self.key:
            self.post_message(self.Chosen(self, self.key))

    def _go(self, index: int) -> None:
        if index == self._cursor or not 0 <= index < len(self._lines):
            return
        self._cursor = index
        self._scroll_into_view()
        self.repaint()
        self.post_message(self.Highlighted(self, self.key))

    def _nearest(self, index: int) -> int:
        """The line with a key that is closest to `index`, -1 where there is none."""
        keyed = [at for at, line in enumerate(self._lines) if line.key]
        return min(keyed, key=lambda at: abs(at - index), default=-1)

    def _show_edge(self, side: int) -> None:
        """Lines before the first and after the last key are worth seeing too."""
        top = 0 if side < 0 else max(0, len(self._lines) - self._rows)
        if top != self._top:
            self._top = top
            self.repaint()

    def _scroll_into_view(self) -> None:
        last = max(0, len(self._lines) - self._rows)
        if self._cursor < self._top:
            self._top = max(0, self._cursor - self._rows // 3)
        elif self._cursor >= self._top + self._rows:
            # Half a page at the edge: a scroll repaints the whole view, whatever its length.
            self._top = self._cursor - self._rows // 2
        self._top = min(self._top, last)

    # Drawing ----------------------------------------------------------------

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - (1 if self._header is not None else 0))

    def on_resize(self) -> None:
        super().on_resize()
        self._scroll_into_view()

    def draw_line(self, y: int) -> Strip:
        if self._header is not None:
            if y == 0:
                return text_strip(
                    self, self._header, over=self.get_component_rich_style("line-list--header", partial=True)
                )
            y -= 1
        index = self._top + y
        if index >= len(self._lines):
            return text_strip(self, Text(self._empty if not self._lines and y == 0 else "", style="dim"))
        cursor = self.get_component_rich_style("line-list--cursor", partial=True) if index == self._cursor else None
        return text_strip(self, self._lines[index].text, over=cursor)

    # Mouse ------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        index = self._top + event.y - (1 if self._header is not None else 0)
        if 0 <= index < len(self._lines) and self._lines[index].key:
            if index == self._cursor:
                self.action_choose()
            self._go(index)

    def on_mouse_scroll_down(self) -> None:
        self._wheel(3)

    def on_mouse_scroll_up(self) -> None:
        self._wheel(-3)

    def _wheel(self, step: int) -> None:
        top = min(max(0, self._top + step), max(0, len(self._lines) - self._rows))
        if top != self._top:
            self._top = top
            self.repaint()
