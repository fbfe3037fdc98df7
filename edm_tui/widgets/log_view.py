"""A log as it grows: follows its end, and writes to the terminal only the rows that changed."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from edm_tui.widgets.log_buffer import LogBuffer, LogRow
from edm_tui.widgets.painted import Painted
from edm_tui.widgets.themed import text_strip


class LogView(Painted, can_focus=True):
    """Lines of a log. While `following`, the newest line stays in view."""

    DEFAULT_CSS = "LogView { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_rows(1)", "down", show=False),
        Binding("k,up", "scroll_rows(-1)", "up", show=False),
        Binding("pagedown", "scroll_pages(1)", "page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", show=False),
        Binding("g,home", "first", "first line", show=False),
        Binding("G,end", "last", "follow", show=False),
        Binding("l,right", "sideways(16)", "right", show=False),
        Binding("h,left", "sideways(-16)", "left", show=False),
    ]

    class Moved(Message):
        """What is in view, or whether it is followed, has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.buffer = LogBuffer()
        self.following = True
        self.note = ""
        """Shown where there are no lines."""
        self.top = 0
        self._left = 0
        self._found = -1

    # Content ----------------------------------------------------------------

    def feed(self, lines: Sequence[LogRow], replace_last: bool = False, times: Sequence[float] = ()) -> None:
        """New lines and when they came; with `replace_last` the first takes the place of the last line shown."""
        if not lines:
            return
        if replace_last and self.buffer.lines:
            self.buffer.replace_last(lines[0], times[0] if times else 0.0)
            lines, times = lines[1:], times[1:]
        gone = self.buffer.append(lines, times)
        if gone:
            self.top, self._found = max(0, self.top - gone), -1
        if self.following:
            self._follow(len(lines))
        self.repaint()
        self.post_message(self.Moved())

    def clear(self) -> None:
        """The log was replaced by another one."""
        self.buffer.clear()
        self.top, self._found = 0, -1
        self.repaint()

    def _follow(self, added: int) -> None:
        """Bring the last row into view. The view moves by a quarter of a page, because a scroll by one row costs as
        many bytes over a slow line."""
        height = max(1, self.size.height)
        if self.buffer.rows and not self.top <= self.buffer.rows - 1 < self.top + height:
            room = height // 4 if added < height // 2 else 0
            self.top = max(0, self.buffer.rows - height + room)

    # What the screen asks for -----------------------------------------------

    def wrap(self, on: bool) -> None:
        """Long lines go on below, or are cut at the edge."""
        line = self.buffer.line_of(self.top)
        self._left = 0
        self.buffer.arrange(width=self.size.width, wrapped=on)
        self._show(self.buffer.row_of(line) if line else 0)

    def show_times(self, on: bool) -> None:
        """Each line begins with when it came, or not."""
        line = self.buffer.line_of(self.top)
        self.buffer.with_times = on
        self.buffer.arrange()
        self._show(self.buffer.row_of(line) if line else 0)

    def search(self, text: str) -> int:
        """Mark `text` everywhere, go to its next place from the top of the view; how many lines match."""
        self.buffer.search(text)
        self._found = -1
        count = self.buffer.matches()
        if count:
            self.find_next(1, from_row=self.top - 1)
        self.repaint()
        return count

    def filter(self, on: bool) -> None:
        """Only the lines that match, or all."""
        line = self.buffer.line_of(max(self.top, self._found))
        self.buffer.only_matching = on
        self.buffer.arrange()
        self._show(self.buffer.row_of(line) if line else 0)

    def find_next(self, step: int, from_row: int | None = None) -> bool:
        """Go to the next place (-1: the one before) of what is searched for."""
        pattern = self.buffer.pattern
        if pattern is None or not self.buffer.rows:
            return False
        start = from_row if from_row is not None else (self._found if self._found >= 0 else self.top)
        return self._jump(self.buffer.find(pattern.search, start, step))

    def go_to_first(self, wanted: Callable[[str], object]) -> bool:
        """Go to the first line that is wanted; False where there is none."""
        return self.buffer.rows > 0 and self._jump(self.buffer.find(wanted, -1, 1))

    def _jump(self, row: int | None) -> bool:
        if row is None:
            return False
        self._found = row
        self._stop_following()
        if not self.top <= row < self.top + self.size.height:
            self._show(max(0, row - self.size.height // 3))
        self.repaint()
        self.post_message(self.Moved())
        return True

    # Movement ---------------------------------------------------------------

    def action_scroll_rows(self, step: int) -> None:
        self._scroll(step)

    def action_scroll_pages(self, step: int) -> None:
        self._scroll(step * max(1, self.size.height - 1))

    def action_first(self) -> None:
        self._scroll(-self.buffer.rows)

    def action_last(self) -> None:
        self.following = True
        self._show(self._last_top)

    def action_sideways(self, cells: int) -> None:
        if not self.buffer.wrapped and self._left + cells >= 0:
            self._left += cells
            self.repaint()

    @property
    def _last_top(self) -> int:
        return max(0, self.buffer.rows - self.size.height)

    def _scroll(self, step: int) -> None:
        top = min(max(0, self.top + step), self._last_top)
        if step < 0:
            self._stop_following()
        elif top == self._last_top:
            self.following = True
        self._show(top)

    def _stop_following(self) -> None:
        self.following = False

    def _show(self, top: int) -> None:
        self.top = min(top, max(0, self.buffer.rows - 1))
        if self.following:
            self._follow(0)
        self.repaint()
        self.post_message(self.Moved())

    def on_mouse_scroll_down(self) -> None:
        self._scroll(3)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-3)

    # Drawing ----------------------------------------------------------------

    def on_resize(self) -> None:
        super().on_resize()
        if self.size.width and self.buffer.width != self.size.width:
            line = self.buffer.line_of(self.top)
            self.buffer.arrange(width=self.size.width)
            self.top = self.buffer.row_of(line) if line else 0
        if self.following:
            self.top = self._last_top

    def draw_line(self, y: int) -> Strip:
        row = self.top + y
        if row >= self.buffer.rows:
            return text_strip(self, Text(self.note if y == 0 and not self.buffer.rows else "", style="dim"))
        text = self.buffer.text(row)
        if row == self._found:
            text.stylize("bold")
        return text_strip(self, text, start=self._left)
