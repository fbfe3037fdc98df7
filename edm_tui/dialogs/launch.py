"""The form for a new training: fields that are checked as one types, and the command that they amount to."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label

from edm_tui.dialogs.frame import Frame
from edm_tui.widgets.cells import plain
from edm_tui.widgets.choice import Choice
from edm_tui.widgets.text_line import Paragraph, TextLine


@dataclass(frozen=True, slots=True)
class LaunchField:
    """One option of the training as plain data. `check` says what is wrong with a text, "" where nothing is."""

    name: str
    label: str
    value: str
    help: str
    check: Callable[[str], str]
    choices: tuple[str, ...] = ()
    was: str | None = None
    """The value of the run that the form was filled from."""


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """What the fields amount to: a command line and the run's name, or what is wrong; `warning` does not hinder."""

    argv: tuple[str, ...] = ()
    run_name: str = ""
    error: str = ""
    warning: str = ""
    at: str = ""
    """The field that the error is about, "" where it is about several."""
    praise: str = ""
    """What is good about the name."""


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """All that the form needs to know."""

    title: str
    fields: Sequence[LaunchField]
    command: Callable[[Mapping[str, str]], LaunchCommand]
    notices: Sequence[str] = ()
    """One line each, such as why the job would have to wait."""


class FieldRow(Horizontal):
    """Label, entry and a remark about what is entered."""

    def __init__(self, field: LaunchField) -> None:
        super().__init__(classes="field")
        self.field = field
        self._remark = ""

    def compose(self) -> ComposeResult:
        yield Label(self.field.label, markup=False, classes="label")
        if self.field.choices:
            yield Choice(self.field.choices, self.field.value, id=f"field-{self.field.name}")
        else:
            wide = "wide" if self.field.name in ("run_name", "hypothesis", "annotations", "audio_dir") else "narrow"
            entry = Input(self.field.value, id=f"field-{self.field.name}", compact=True, classes=wide)
            entry.select_on_focus = entry.cursor_blink = False
            yield entry
        yield TextLine(classes="remark")

    @property
    def value(self) -> str:
        entry = self.query_one(f"#field-{self.field.name}")
        return entry.value if isinstance(entry, Input | Choice) else ""

    def remark(self, error: str, praise: str = "") -> None:
        """Show what is wrong, else the value that it was, else what is good."""
        was = self.field.was
        changed = f"(was {plain(was)})" if was is not None and was != self.value else ""
        text = f"✗ {plain(error)}" if error else changed or (f"✓ {praise}" if praise else "")
        if text != self._remark:
            self._remark = text
            note = self.query_one(TextLine)
            note.say(Text(text))
            note.set_class(bool(error), "-error")


class LaunchDialog(Frame[LaunchCommand]):
    """Dismisses with the command to launch, or None."""

    KEYS_LINE = "enter start · tab ↑ ↓ field · ‹ › change · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "start", show=False),
        Binding("down", "app.focus_next", "next field", show=False, priority=True),
        Binding("up", "app.focus_previous", "field before", show=False, priority=True),
    ]

    def __init__(self, plan: LaunchPlan) -> None:
        super().__init__(id="launch")
        self.plan = plan
        self.command = LaunchCommand(error="not checked yet")
        self.rows: dict[str, FieldRow] = {}

    def heading(self) -> Text:
        text = Text(plain(self.plan.title), style="bold")
        for notice in self.plan.notices:
            text.append(f"   {plain(notice)}", style="not bold")
        return text

    def tell_data(self, text: str) -> None:
        """Say how the data set here stands; it takes longer to find out than the form to open."""
        self.query_one("#data", TextLine).say(Text(plain(text), style="dim"))

    def body(self) -> Iterator[Widget]:
        yield TextLine(id="data")
        with VerticalScroll(id="fields", can_focus=False):
            for field in self.plan.fields:
                yield FieldRow(field)

    def foot(self) -> Iterator[Widget]:
        yield Paragraph(4, id="command")

    def on_mount(self) -> None:
        self.rows = {row.field.name: row for row in self.query(FieldRow)}
        self._check()

    def on_input_changed(self) -> None:
        self._check()

    def on_choice_changed(self) -> None:
        self._check()

    def on_input_submitted(self) -> None:
        self.action_start()

    def on_descendant_focus(self) -> None:
        self._report()

    def _check(self) -> None:
        if not self.rows:
            return
        rows = self.rows
        self.command = self.plan.command({name: row.value for name, row in rows.items()})
        for name, row in rows.items():
            error = row.field.check(row.value) or (self.command.error if name == self.command.at else "")
            row.remark(error, self.command.praise if name == "run_name" else "")
        if self.command.argv:
            self.query_one("#command", Paragraph).say(Text(plain(shlex.join(self.command.argv))))
        self.query_one("#command").set_class(bool(self.command.error), "-stale")
        self._report()

    def _report(self) -> None:
        """The most pressing thing to say: what is wrong, what is unwise, or what the field is for."""
        if self.command.error:
            self.say(self.command.error, "error")
        elif self.command.warning:
            self.say(self.command.warning, "warning")
        else:
            row = next((row for row in self.rows.values() if row.has_focus_within), None)
            self.say(row.field.help if row else "")

    def action_start(self) -> None:
        if not self.command.error:
            self.dismiss(self.command)
        elif self.command.at:
            self.query_one(f"#field-{self.command.at}").focus()
