"""A log with its search line and a line that says where in it one is."""

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from edm_tui.widgets.log_view import LogView
from edm_tui.widgets.text_line import TextLine


class LogPane(Vertical):
    """`leave` is what the last line says of leaving."""

    DEFAULT_CSS = """
    LogPane { height: 1fr; width: 1fr; }
    LogPane > Input { height: 1; width: 100%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.leave = "esc leave"
        self.elsewhere = ""
        """Which part of the log is shown, where it is not its end."""
        self.view = LogView(id="log")
        self._status = TextLine(id="log-status")
        self.box = Input(id="log-search", compact=True, placeholder="search in the log")

    def compose(self) -> ComposeResult:
        self.box.display = self.box.cursor_blink = False
        yield self.view
        yield self.box
        yield self._status

    # What the screen asks for --------------------------------------------------

    def search(self) -> None:
        """Open the search line."""
        self.box.display = True
        self.box.focus()
        self.say()

    def toggle_only_matching(self) -> None:
        """Only the lines that match, or all."""
        self.view.filter(not self.view.buffer.only_matching and self.view.buffer.pattern is not None)

    def back(self) -> bool:
        """Take away one layer, the search line or what is searched for; False where there is none."""
        if self.box.has_focus:
            self.view.focus()
            self.box.display = bool(self.box.value)
        elif self.view.buffer.pattern is not None or self.box.display:
            self.box.value = ""
            self.box.display = False
            self.view.search("")
            self.view.filter(False)
        else:
            return False
        self.say()
        return True

    def say(self) -> None:
        """Bring the last line up to date."""
        self._status.say(Text(" · ".join([*self._where(), self.leave]), style="dim"))

    def _where(self) -> list[str]:
        buffer = self.view.buffer
        parts = [self.elsewhere or f"{buffer.lines:,} lines"]
        if buffer.lines and not self.elsewhere:
            at = f"at line {buffer.line_of(self.view.top):,}, G follows"
            parts.insert(0, "following" if self.view.following else at)
        if buffer.dropped:
            parts.append(f"the first {buffer.dropped:,} are in the file only")
        if buffer.pattern is not None:
            only = "& all" if buffer.only_matching else "& only these"
            parts.append(f"{buffer.matches():,} match · enter next · {only} · esc clears")
        elif self.box.display:
            parts.append("type to search · enter next · ↑ before · esc back to the log")
        return parts

    # What happens in it -----------------------------------------------------------

    @on(LogView.Moved)
    def _moved(self) -> None:
        self.say()

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self.view.search(event.value)
        self.say()

    def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down") and self.box.has_focus:
            event.stop()
            self.view.find_next(1 if event.key == "down" else -1)
