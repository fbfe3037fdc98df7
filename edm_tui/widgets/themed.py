"""Rich text onto a line of a widget, with styles that name the theme's colours."""

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.color import Color, ColorParseError
from textual.strip import Strip
from textual.widget import Widget


def theme_style(widget: Widget, name: str) -> Style:
    """The style of a theme variable such as `$success`; no style where the theme has none of that name."""
    try:
        return Style(color=Color.parse(widget.app.theme_variables.get(name.removeprefix("$"), "")).rich_color)
    except ColorParseError:
        return Style()


def text_strip(widget: Widget, text: Text, *, over: Style | None = None, start: int = 0) -> Strip:
    """One line of `widget`, as wide as it is, from cell `start` on.

    Spans styled `$name` take the theme's colour; `over` wins over all.
    """
    width = widget.size.width
    themed = text.copy()
    themed.end = ""
    themed.spans = [
        span._replace(style=theme_style(widget, span.style))
        if isinstance(span.style, str) and span.style.startswith("$")
        else span
        for span in text.spans
    ]
    if start:
        strip = Strip(themed.render(widget.app.console)).crop(start, start + width)
    else:
        themed.truncate(width, overflow="ellipsis")
        strip = Strip(themed.render(widget.app.console))
    strip = strip.adjust_cell_length(width).apply_style(widget.rich_style)
    return strip if over is None else Strip(Segment.apply_style(strip, post_style=over), width)
