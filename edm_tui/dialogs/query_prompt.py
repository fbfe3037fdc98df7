"""Where `f` is typed: names, operators and AND, OR are offered, and what cannot be read is shown in its place."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from edm_core.errors import QueryError
from edm_core.query.complete import Completion, Names, complete
from edm_core.query.grammar import parse
from edm_core.query.pointing import excerpt
from edm_tui.formatting import clean

EXAMPLE = "metrics.val_loss < 0.03 AND NOT (params.backbone = 'cnn' OR status = 'FAILED')"
_AROUND = 30
"""Cells shown to each side of a fault."""
_OFFERS = 40
"""Cells of the offers before the chosen one, so that it stays in view."""


class QueryPrompt(ModalScreen[str]):
    """Dismissed with a query that can be read ("" for none), or None."""

    CSS_PATH = "../styles/boxes.tcss"
    DEFAULT_CSS = """
    QueryPrompt #query-help { height: auto; margin-bottom: 1; }
    QueryPrompt #query-help.-offers { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", show=False),
        Binding("tab", "take", "take", show=False, priority=True),
        Binding("down", "choose(1)", "next", show=False),
        Binding("up", "choose(-1)", "previous", show=False),
    ]

    def __init__(self, query: str = "") -> None:
        super().__init__()
        self._query = query
        self._names = Names()
        self._offered = Completion(0)
        self._chosen = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box prompt-box"):
            yield Static("Query: MLflow's language, with OR, NOT and ( )", markup=False, classes="dialog-title")
            yield Input(self._query, placeholder=EXAMPLE, compact=True, classes="dialog-body", select_on_focus=False)
            yield Static("", id="query-help", markup=False)
            yield Static("enter ask · tab complete · ↓ ↑ choose · esc back", markup=False, classes="dialog-keys")

    @property
    def box(self) -> Input:
        return self.query_one(Input)

    @property
    def help(self) -> Static:
        """The lines under the input: what is offered, or what is wrong."""
        return self.query_one("#query-help", Static)

    def on_mount(self) -> None:
        self.box.cursor_blink = False
        self.box.focus()
        self._offer()

    def offer(self, names: Names) -> None:
        """Complete from these names from now on."""
        self._names = names
        if self.is_mounted:
            self._offer()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._offer()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        query = event.value.strip()
        try:
            parse(query)
        except QueryError as error:
            self._explain(query, error)
        else:
            self.dismiss(query)

    def action_take(self) -> None:
        """Put the chosen offer in the place of what was typed of it."""
        if self._offered.options:
            box = self.box
            box.replace(self._offered.options[self._chosen], self._offered.start, box.cursor_position)

    def action_choose(self, step: int) -> None:
        if self._offered.options:
            self._chosen = (self._chosen + step) % len(self._offered.options)
            self._say_offers()

    def action_back(self) -> None:
        self.dismiss(None)

    def _offer(self) -> None:
        self._chosen = 0
        self._offered = complete(self.box.value, self.box.cursor_position, self._names)
        self._say_offers()

    def _say_offers(self) -> None:
        line = Text()
        first = self._chosen
        while first and sum(len(option) + 2 for option in self._offered.options[first - 1 : self._chosen]) < _OFFERS:
            first -= 1
        for index, option in enumerate(self._offered.options[first:], first):
            line.append(clean(option), "reverse" if index == self._chosen else "")
            line.append("  ")
        self.help.set_class(True, "-offers")
        self.help.update(line)

    def _explain(self, query: str, error: QueryError) -> None:
        """Show the place, and put the cursor there."""
        lead = len(self.box.value) - len(self.box.value.lstrip())
        self.box.cursor_position = lead + error.column
        lines = [*excerpt(query, error.column, _AROUND).split("\n"), error.problem, error.hint]
        self.help.set_class(False, "-offers")
        self.help.update(Text("\n".join(clean(line) for line in lines if line)))
