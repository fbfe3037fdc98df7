"""`?`: the keys that are valid on the screen beneath, by group, with the reason where one cannot run now."""

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from edm_tui.keys import GROUPS, Key, keys_for


class HelpDialog(ModalScreen[None]):
    """Keys of `context`; `reason(verb)` says why one cannot run now."""

    CSS_PATH = "../styles/boxes.tcss"
    BINDINGS = [
        Binding("escape,question_mark,q,enter", "close", "close", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("pagedown,space", "scroll(15)", show=False),
        Binding("pageup", "scroll(-15)", show=False),
    ]

    def __init__(self, context: str, reason: Callable[[str], str]) -> None:
        super().__init__()
        self.lines = help_lines(context, reason)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box help-box"):
            with VerticalScroll(can_focus=False):
                yield Static(Text("\n").join(self.lines))
            yield Static("j k move · esc back", markup=False, classes="dialog-keys")

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def help_lines(context: str, reason: Callable[[str], str]) -> list[Text]:
    """One line for each verb, groups with a title."""
    lines: list[Text] = []
    group = ""
    for key in keys_for(context):
        if key.group != group:
            group = key.group
            lines += [Text(""), Text(GROUPS[group], style="bold")] if lines else [Text(GROUPS[group], style="bold")]
        lines.append(_line(key, reason(key.verb)))
    return lines


def _line(key: Key, reason: str) -> Text:
    line = Text.assemble((f"  {key.shown:<7}", "bold"), key.help)
    return line.append(f" — not now: {reason}", style="dim") if reason else line
