"""A list to choose from, with a search; further letters do further things with what is under the cursor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from edm_tui.formatting import clean
from edm_tui.widgets.line_list import Line, LineList

Result = TypeVar("Result")
AROUND = 12
"""Lines of the dialog besides the list: border, title, search, note and keys."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line: what names it, what it says, and a remark in quiet letters."""

    key: str
    label: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Picked:
    """What was chosen; `action` is "" for enter, else the word of the letter that was pressed."""

    key: str
    action: str = ""


class ListDialog(ModalScreen[Result | None], Generic[Result]):
    """Options with a search. Subclasses say what a key does in `pressed`, and what enter gives in `choose`."""

    CSS_PATH = "../styles/boxes.tcss"
    DEFAULT_CSS = """
    ListDialog LineList { background: $surface; margin: 1 0 0 0; }
    ListDialog Input { height: 1; border: none; padding: 0; background: $panel; display: none; }
    ListDialog.-search Input { display: block; }
    ListDialog #pick-note { height: auto; color: $text-quiet; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "back", show=False, priority=True)]

    def __init__(self, title: str, options: Sequence[Option], keys_line: str, empty: str = "nothing here") -> None:
        super().__init__()
        self._heading = clean(title)
        self.options = list(options)
        self._keys_line = keys_line
        self._empty = empty

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box pick-box"):
            yield Static(self._heading, markup=False, classes="dialog-title")
            box = Input(placeholder="search", compact=True)
            box.cursor_blink = False
            yield box
            yield LineList(id="pick", empty=self._empty)
            yield Static("", markup=False, id="pick-note")
            yield Static(self._keys_line, markup=False, classes="dialog-keys")

    def on_mount(self) -> None:
        self.list.focus()
        self.fill()
        self.on_resize()

    def on_resize(self) -> None:
        room = max(3, self.app.size.height - AROUND)
        self.list.styles.height = min(max(1, len(self.options)), room)

    @property
    def list(self) -> LineList:
        return self.query_one("#pick", LineList)

    @property
    def key(self) -> str:
        """The option under the cursor."""
        return self.list.key

    @property
    def search(self) -> str:
        return self.query_one(Input).value

    def found(self) -> Sequence[Option]:
        """The options whose labels hold all words of the search; where none does, those whose remarks do."""
        words = self.search.lower().split()
        labelled = [one for one in self.options if all(word in one.label.lower() for word in words)]
        return labelled or [one for one in self.options if all(word in one.remark.lower() for word in words)]

    def fill(self) -> None:
        """Show the options that fit."""
        self.list.set_lines(Line(self.line(option), option.key) for option in self.found())

    def line(self, option: Option) -> Text:
        text = Text(f" {clean(option.label)}", end="")
        return text.append(f"  {clean(option.remark)}", style="$text-quiet") if option.remark else text

    def note(self, text: str) -> None:
        """Say something below the list."""
        self.query_one("#pick-note", Static).update(text)

    # Keys ---------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Input):
            if event.key in ("down", "up"):
                event.stop()
                self.list.action_move(1 if event.key == "down" else -1)
        elif event.character == "/":
            event.stop()
            event.prevent_default()
            self.add_class("-search")
            self.query_one(Input).focus()
        elif self.pressed(event.character or event.key, event.key):
            event.stop()

    def pressed(self, character: str, name: str) -> bool:
        """Whether a key (as a character, and by Textual's name) means something here; it has then been done."""
        return False

    def on_input_changed(self) -> None:
        self.fill()

    def on_input_submitted(self) -> None:
        """Enter in the search: back to the list, where the letters are heard."""
        self.list.focus()

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        message.stop()
        self.choose(message.key)

    def choose(self, key: str) -> None:
        """Enter on an option."""
        raise NotImplementedError

    def action_back(self) -> None:
        """The search first, then the dialog."""
        if self.has_class("-search"):
            self.remove_class("-search")
            self.query_one(Input).value = ""
            self.list.focus()
        else:
            self.dismiss(None)


class PickDialog(ListDialog[Picked]):
    """Dismissed with what was picked. `letters` name what else can be done, such as {"d": "delete"}; those in `always`
    need no option under the cursor."""

    def __init__(
        self,
        title: str,
        options: Sequence[Option],
        *,
        at: str = "",
        enter: str = "choose",
        letters: Mapping[str, str] | None = None,
        always: Sequence[str] = (),
        empty: str = "nothing here",
    ) -> None:
        further = "".join(f" · {letter} {word}" for letter, word in (letters or {}).items())
        super().__init__(title, options, f"enter {enter}{further} · / search · esc back", empty)
        self._letters = letters or {}
        self._always = always
        self._at = at

    def on_mount(self) -> None:
        self.list.move_to(self._at)

    def on_input_submitted(self) -> None:
        if self.key and not self._letters:
            self.choose(self.key)
        else:
            self.list.focus()

    def pressed(self, character: str, name: str) -> bool:
        action = self._letters.get(character)
        if action is None or not (self.key or action in self._always):
            return False
        self.dismiss(Picked(self.key, action))
        return True

    def choose(self, key: str) -> None:
        self.dismiss(Picked(key))
