"""Registering a run's best checkpoint as a model version: what will be made, before it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from edm_tui.dialogs.frame import Frame
from edm_tui.widgets.cells import Column, cut, layout, plain


@dataclass(frozen=True, slots=True)
class RegisterPlan:
    """`facts` are (what, value) pairs; `warnings` are worth a second look and do not hinder."""

    run_name: str
    model: str
    next_version: int
    facts: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()


class RegisterDialog(Frame[bool]):
    """Dismisses with True to register, or None."""

    KEYS_LINE = "enter register · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,y", "register", "register", show=False)]

    def __init__(self, plan: RegisterPlan) -> None:
        super().__init__(id="register")
        self.plan = plan

    def heading(self) -> Text:
        text = Text(f"Register {cut(plain(self.plan.run_name), 40)}", style="bold")
        text.append(f" as {plain(self.plan.model)} v{self.plan.next_version}")
        return text

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="facts", can_focus=False):
            _, lines = layout((Column(""), Column("")), list(self.plan.facts), 100)
            yield Static(Text("\n").join(lines))

    def on_mount(self) -> None:
        if self.plan.warnings:
            self.say("; ".join(map(plain, self.plan.warnings)), "warning")

    def action_register(self) -> None:
        self.dismiss(True)
