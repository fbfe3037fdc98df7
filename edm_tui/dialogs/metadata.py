"""The form for a run's name, note, tags and metadata.yaml."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Label, TextArea

from edm_tui.dialogs.frame import Frame
from edm_tui.widgets.cells import cut, plain


@dataclass(frozen=True, slots=True)
class MetadataField:
    """`key` is name, note, tags, or a key of metadata.yaml such as `results.conclusion`."""

    key: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class MetadataPlan:
    """What the form shows; `warning` is said at once, such as that metadata.yaml could not be read.

    `check` says what is wrong with changes, "" for nothing."""

    title: str
    fields: Sequence[MetadataField]
    warning: str = ""
    check: Callable[[Mapping[str, str]], str] = lambda changes: ""


class MetadataDialog(Frame[Mapping[str, str]]):
    """Dismisses with the values that were changed, by key; None where nothing was."""

    KEYS_LINE = "ctrl+s save · tab shift+tab field · enter new line · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", show=False, priority=True),
        Binding("escape", "back", "back", show=False, priority=True),
    ]

    def __init__(self, plan: MetadataPlan) -> None:
        super().__init__(id="metadata")
        self.plan = plan
        self._warned = False

    def heading(self) -> Text:
        return Text(cut(plain(self.plan.title), 70), style="bold")

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="fields", can_focus=False):
            for field in self.plan.fields:
                with Horizontal(classes="field"):
                    yield Label(field.label, markup=False, classes="label")
                    area = TextArea(field.value, id=_id(field.key), compact=True, tab_behavior="focus")
                    area.cursor_blink = False
                    yield area

    def on_mount(self) -> None:
        for area in self.query(TextArea):
            # One who edits mostly adds to what is there.
            area.move_cursor(area.document.end)
        if self.plan.warning:
            self.say(self.plan.warning, "warning")

    @property
    def changes(self) -> dict[str, str]:
        """What differs from what was there, by key."""
        found = {}
        for field in self.plan.fields if self.ready else ():
            text = self.query_one(f"#{_id(field.key)}", TextArea).text.rstrip()
            if text != field.value.rstrip():
                found[field.key] = text
        return found

    def action_save(self) -> None:
        fault = self.plan.check(self.changes)
        if fault:
            self.say(fault, "error")
        else:
            self.dismiss(self.changes or None)

    def action_back(self) -> None:
        """What was typed is not dropped at the first esc."""
        if self.changes and not self._warned:
            self._warned = True
            self.say("not saved: ctrl+s saves, esc again drops what you typed", "warning")
        else:
            self.dismiss(None)

    def on_text_area_changed(self) -> None:
        self._warned = False


def _id(key: str) -> str:
    return f"edit-{key.replace('.', '-')}"
