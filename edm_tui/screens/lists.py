"""What the screens with one list have in common: the status line above, the key bar below, and moving in between."""

from textual.app import ComposeResult

from edm_tui.screens.base import EdmScreen
from edm_tui.widgets.cells import cut, plain
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.status_line import StatusLine


class ListScreen(EdmScreen):
    """Subclasses fill `list` and say in `status_text` what is shown."""

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield LineList(id="list", empty="reading …")
        yield KeyBar(self.context, id="keys")

    def on_mount(self) -> None:
        self.list.focus()
        self.say()

    @property
    def list(self) -> LineList:
        return self.query_one("#list", LineList)

    @property
    def ascii_only(self) -> bool:
        return bool(getattr(self.app, "ascii_only", False))

    def status_text(self) -> str:
        """The status line's text."""
        return ""

    def say(self) -> None:
        """Bring status line and key bar up to date; nothing is written where nothing changed."""
        self.query_one("#status", StatusLine).say(self.status_text(), " · ".join(self.services.running))
        self.query_one("#keys", KeyBar).update_keys(self.reason)

    def reason(self, verb: str) -> str:
        if verb in ("left", "right"):
            return "all columns are in view"
        if verb == "copy":
            return "" if self.list.key else "nothing under the cursor"
        return super().reason(verb)

    def copied(self) -> str:
        """What `y` copies: the text under the cursor, unless a subclass has something better."""
        line = next((line for line in self.list.lines if line.key == self.list.key), None)
        return " ".join(line.text.plain.split()) if line is not None else ""

    def do_copy(self) -> None:
        """Copy what is under the cursor."""
        text = self.copied()
        self.app.copy_to_clipboard(text)
        self.notify(f"copied: {cut(plain(text), 120)}", markup=False)

    def do_down(self) -> None:
        self.list.action_move(1)

    def do_up(self) -> None:
        self.list.action_move(-1)

    def do_top(self) -> None:
        self.list.action_edge(-1)

    def do_bottom(self) -> None:
        self.list.action_edge(1)

    def do_page_down(self) -> None:
        self.list.action_page(1)

    def do_page_up(self) -> None:
        self.list.action_page(-1)

    def do_open(self) -> None:
        self.list.action_choose()
