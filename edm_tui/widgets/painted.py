"""A widget of lines that sends to the terminal only the cells that changed."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Cells = list[tuple[str, Style | None]]


class Painted(Widget):
    """Subclasses say in `draw_line` what a line looks like and call `repaint` when that may have changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: dict[int, Strip] = {}
        self._styles_known: dict[str, Style] = {}

    def style_of(self, component: str = "") -> Style:
        """The widget's style, or that of one of its component classes, kept until colours change."""
        style = self._styles_known.get(component)
        if style is None:
            style = self.get_component_rich_style(component) if component else self.rich_style
            self._styles_known[component] = style
        return style

    def extra_style(self, component: str) -> Style:
        """What a component class adds to another style."""
        style = self._styles_known.get(f"+{component}")
        if style is None:
            style = self._styles_known[f"+{component}"] = self.get_component_rich_style(component, partial=True)
        return style

    def draw_line(self, y: int) -> Strip:
        """Line `y`, exactly as wide as the widget."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        strip = self._painted.get(y)
        if strip is None:
            strip = self._painted[y] = self.draw_line(y)
        return strip

    def repaint(self, lines: Iterable[int] | None = None) -> None:
        """Draw these lines (default: all) anew and refresh the spans that differ from what was painted."""
        if not self.is_attached:
            return
        width, height = self.size
        for y in range(height) if lines is None else lines:
            old = self._painted.pop(y, None)
            if old is None:
                self.refresh(Region(0, y, width, 1))
                continue
            new = self._painted[y] = self.draw_line(y)
            span = changed_span(old, new)
            if span is not None:
                start, end = span
                self.refresh(Region(start, y, min(end, width) - start, 1))

    def forget(self) -> None:
        """Draw everything anew, because size or colours changed."""
        self._painted.clear()
        self._styles_known.clear()
        self.refresh()

    def on_resize(self) -> None:
        self.forget()

    def notify_style_update(self) -> None:
        self.forget()
        super().notify_style_update()


def changed_span(old: Strip, new: Strip) -> tuple[int, int] | None:
    """First and last cell (exclusive) that differ, None where nothing does."""
    if old == new:
        return None
    width = max(old.cell_length, new.cell_length)
    before, after = _cells(old), _cells(new)
    if before is None or after is None or len(before) != len(after):
        return 0, width
    start = next((i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b), None)
    if start is None:
        return None
    end = next(i for i in range(len(before), 0, -1) if before[i - 1] != after[i - 1])
    return start, end


def _cells(strip: Strip) -> Cells | None:
    """One entry for each cell; None where a character takes two, so that no half of one is ever cut."""
    cells: Cells = []
    for text, style, _ in strip:
        if not text.isascii() and cell_len(text) != len(text):
            return None
        cells.extend((character, style) for character in text)
    return cells
