"""The form for a new training: fields that are checked as one types, and the command that they amount to."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from edm_core.errors import EdmError
from edm_tui.dialogs.frame import Frame
from edm_tui.widgets.cells import plain
from edm_tui.widgets.choice import Choice
from edm_tui.widgets.text_line import Paragraph, TextLine

FORM_LINES, AROUND_LINES = 40, 12
"""The most that the form takes up, and what of it is not fields: borders, heading, message, command, keys."""


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
    wide: bool = False
    """Whether it is text that may be long."""


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
    profile: str = "local"
    given: tuple[str, ...] = ()
    """FIELD=VALUE for each field of a profile's template; () for EDM's own training."""


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """All that the form needs to know."""

    title: str
    fields: Sequence[LaunchField]
    command: Callable[[Mapping[str, str]], LaunchCommand]
    notices: Sequence[str] = ()
    """One line each, such as why the job would have to wait."""
    profiles: tuple[str, ...] = ("local",)
    profile: str = "local"
    other: "Callable[[str], LaunchPlan] | None" = None
    """The form of another profile. Raises EdmError where edm.toml does not say it rightly."""


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
            wide = "wide" if self.field.wide else "narrow"
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
        self._fault = ""
        """What is wrong with the profile that was chosen."""

    def heading(self) -> Text:
        text = Text(plain(self.plan.title), style="bold", end="")
        for notice in self.plan.notices:
            text.append(f"   {plain(notice)}", style="not bold")
        return text

    def tell_data(self, text: str) -> None:
        """Say how the data set here stands; it takes longer to find out than the form to open."""
        self.query_one("#data", TextLine).say(Text(plain(text), style="dim"))

    def body(self) -> Iterator[Widget]:
        with Horizontal(id="profile-line"):
            yield Label("profile", classes="label")
            profiles = Choice(self.plan.profiles, self.plan.profile, id="profile")
            profiles.can_focus = len(self.plan.profiles) > 1
            yield profiles
            yield TextLine(id="data")
        with VerticalScroll(id="fields", can_focus=False):
            for field in self.plan.fields:
                yield FieldRow(field)

    def foot(self) -> Iterator[Widget]:
        yield Paragraph(4, id="command")

    def on_mount(self) -> None:
        self._take_rows()
        self._focus_first()

    def _take_rows(self) -> None:
        self.rows = {row.field.name: row for row in self.query(FieldRow)}
        self._fit()
        self._check()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """The fields take the lines that they need; what is around them stays in view."""
        room = min(self.app.size.height, FORM_LINES) - AROUND_LINES
        self.query_one("#fields").styles.height = max(4, min(len(self.plan.fields), room))

    def _focus_first(self) -> None:
        if self.plan.fields:
            self.query_one(f"#field-{self.plan.fields[0].name}").focus()

    # Another profile ----------------------------------------------------------

    @on(Choice.Changed, "#profile")
    async def _profile_chosen(self, event: Choice.Changed) -> None:
        """The fields of another profile; what was typed into fields of the same name stays."""
        event.stop()
        if self.plan.other is None:
            return
        try:
            plan = self.plan.other(event.value)
        except EdmError as error:
            # The fields of the profile before stay, and cannot be launched under this one's name.
            self._fault = ". ".join(filter(None, (error.message, error.hint)))
            self._check()
            return
        self._fault = ""
        was = {field.name: field.value for field in self.plan.fields}
        typed = {name: row.value for name, row in self.rows.items() if row.value != was.get(name)}
        fields = [
            replace(field, value=typed[field.name]) if self._takes(field, typed.get(field.name)) else field
            for field in plan.fields
        ]
        self.rows = {}
        self.plan = plan
        self.query_one("#heading", Static).update(self.heading())
        place = self.query_one("#fields", VerticalScroll)
        await place.remove_children()
        await place.mount_all([FieldRow(field) for field in fields])
        self._take_rows()

    @staticmethod
    def _takes(field: LaunchField, text: str | None) -> bool:
        return text is not None and not field.check(text) and (not field.choices or text in field.choices)

    # What is typed --------------------------------------------------------------

    def on_input_changed(self) -> None:
        self._check()

    @on(Choice.Changed, "FieldRow Choice")
    def _choice_changed(self) -> None:
        self._check()

    def on_input_submitted(self) -> None:
        self.action_start()

    def on_descendant_focus(self) -> None:
        self._report()

    def _check(self) -> None:
        if not self.rows:
            return
        rows = self.rows
        values = {name: row.value for name, row in rows.items()}
        self.command = LaunchCommand(error=self._fault) if self._fault else self.plan.command(values)
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
