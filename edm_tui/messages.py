"""Messages that widgets, dialogs and screens send upwards. The app acts on ActionRequested, screens on the rest."""

from typing import Literal

from textual.message import Message

from edm_core.snapshots.outcome import Outcome, Store

Lane = Literal["tracking", "registry", "data"]
"""What an action changes; actions of one lane wait for each other."""


class RunHighlighted(Message):
    """The cursor of the run table rests on another row ("" when the table is empty)."""

    def __init__(self, row_id: str) -> None:
        super().__init__()
        self.row_id = row_id


class RunOpened(Message):
    """Enter (or a click on the cursor's row): show this run in place."""

    def __init__(self, row_id: str) -> None:
        super().__init__()
        self.row_id = row_id


class HeaderClicked(Message):
    """The title of this field's column was clicked; `further` with shift or ctrl: beside the order that there is."""

    def __init__(self, name: str, further: bool) -> None:
        super().__init__()
        self.name = name
        self.further = further


class FilterChanged(Message):
    """The text of the filter changed; `done` when it was accepted with Enter or dropped with esc."""

    def __init__(self, text: str, done: bool = False) -> None:
        super().__init__()
        self.text = text
        self.done = done


class ActionRequested(Message):
    """Please run `edm ARGV --json` in its lane.

    The target is fixed in `argv` when the key is pressed. Dialogs send it with `self.app.post_message(...)` and
    then dismiss themselves, because a message of a popped screen is lost.
    """

    def __init__(self, verb: str, argv: tuple[str, ...], lane: Lane = "tracking", title: str = "") -> None:
        super().__init__()
        self.verb = verb
        self.argv = argv
        self.lane = lane
        self.title = title or verb


class ActionFinished(Message):
    """An action ended well; what it changed has to be read again."""

    def __init__(self, verb: str, outcome: Outcome) -> None:
        super().__init__()
        self.verb = verb
        self.outcome = outcome


class StoreChanged(Message):
    """These stores changed, by us or by another process: screens that show them load again."""

    def __init__(self, stores: tuple[Store, ...]) -> None:
        super().__init__()
        self.stores = stores
