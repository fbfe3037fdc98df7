"""Registering a checkpoint of a run as a model version: what will be made, before it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from edm_tui.dialogs.frame import Frame
from edm_tui.widgets.cells import Column, cut, layout, plain
from edm_tui.widgets.choice import Choice
from edm_tui.widgets.version_detail import FORMATS


@dataclass(frozen=True, slots=True)
class RegisterPlan:
    """`newest` has the highest version of each model; `facts` are (what, value) pairs; `warnings` are worth a second
    look and do not hinder."""

    run_name: str
    model: str
    newest: Mapping[str, int]
    facts: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """What to make: a version of `model` from the file `checkpoint` of the run folder, in this format."""

    model: str
    checkpoint: str
    format: str


class RegisterDialog(Frame[Registration]):
    """Dismisses with what to register, or None."""

    KEYS_LINE = "enter register · ← → format · tab next field · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "register", "register", show=False)]

    def __init__(self, plan: RegisterPlan) -> None:
        super().__init__(id="register")
        self.plan = plan

    def heading(self) -> Text:
        return self._heading(self.plan.model)

    def _heading(self, model: str) -> Text:
        text = Text(f"Register {cut(plain(self.plan.run_name), 40)}", style="bold")
        return text.append(f" as {plain(model)} v{self.plan.newest.get(model, 0) + 1}")

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="facts", can_focus=False):
            _, lines = layout((Column(""), Column("")), list(self.plan.facts), 100)
            yield Static(Text("\n").join(lines))
        with Horizontal(classes="field"):
            yield Label("format", classes="label")
            yield Choice(tuple(FORMATS), "pickle", id="format")
        yield Static(FORMATS["pickle"], id="format-says", markup=False)
        for name, value in (("model", self.plan.model), ("checkpoint", self.plan.checkpoint)):
            with Horizontal(classes="field"):
                yield Label(name, classes="label")
                box = Input(value, id=name, compact=True)
                box.cursor_blink = False
                yield box

    def on_mount(self) -> None:
        super().on_mount()
        if self.plan.warnings:
            self.say("; ".join(map(plain, self.plan.warnings)), "warning")

    @on(Choice.Changed)
    def _say_format(self, event: Choice.Changed) -> None:
        self.query_one("#format-says", Static).update(FORMATS[event.value])

    @on(Input.Changed, "#model")
    def _say_version(self, event: Input.Changed) -> None:
        self.query_one("#heading", Static).update(self._heading(event.value.strip()))

    def on_input_submitted(self) -> None:
        self.action_register()

    def action_register(self) -> None:
        model, checkpoint = (self.query_one(f"#{name}", Input).value.strip() for name in ("model", "checkpoint"))
        if not model or not checkpoint:
            self.say("a model and a checkpoint are needed", "error")
            return
        self.dismiss(Registration(model, checkpoint, self.query_one("#format", Choice).value))
