"""Promotion as a decision: the candidate beside the one that it replaces, the gates, and a reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from edm_tui.dialogs.frame import Frame
from edm_tui.widgets.cells import Column, cut, layout, plain


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of the candidate and of the incumbent; `verdict` is "better", "worse" or ""."""

    name: str
    candidate: float
    incumbent: float | None = None
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that a version has to meet, and what was found."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PromotePlan:
    """All that the form shows. `incumbent` is "" where nobody holds the stage."""

    model: str
    version: int
    run_name: str
    from_stage: str
    to_stage: str
    incumbent: str = ""
    metrics: Sequence[MetricRow] = ()
    gates: Sequence[Gate] = ()
    notice: str = ""

    @property
    def failing(self) -> int:
        """Number of gates that fail."""
        return sum(1 for gate in self.gates if not gate.passed)


@dataclass(frozen=True, slots=True)
class Promotion:
    """The decision, with its reason ("" where none was given)."""

    version: int
    stage: str
    reason: str = ""


class PromoteDialog(Frame[Promotion]):
    """Dismisses with the decision, or None. Failing gates need a reason, which is recorded."""

    KEYS_LINE = "enter promote · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "decide", "promote", show=False)]

    def __init__(self, plan: PromotePlan) -> None:
        super().__init__(id="promote")
        self.plan = plan

    def heading(self) -> Text:
        plan = self.plan
        text = Text(f"{plain(plan.model)}  v{plan.version} {cut(plain(plan.run_name), 40)}", style="bold")
        text.append(f"   {plan.from_stage} → {plan.to_stage}")
        incumbent = plain(plan.incumbent) if plan.incumbent else f"nobody is in {plan.to_stage}"
        text.append(f"   now: {incumbent}", style="not bold")
        return text

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="facts", can_focus=False):
            yield Static(comparison(self.plan), id="comparison")
            yield Static(gates(self.plan.gates), id="gates")
        with Horizontal(classes="field"):
            yield Label("reason", classes="label")
            needed = "needed, because a gate fails" if self.plan.failing else "optional; is recorded"
            yield Input(id="reason", compact=True, placeholder=needed)

    def on_mount(self) -> None:
        if self.plan.failing:
            many = "1 gate fails" if self.plan.failing == 1 else f"{self.plan.failing} gates fail"
            self.say(f"{many}: give a reason to go on all the same", "error")
        elif self.plan.notice:
            self.say(plain(self.plan.notice), "warning")

    def on_input_submitted(self) -> None:
        self.action_decide()

    def action_decide(self) -> None:
        reason = self.query_one("#reason", Input).value.strip()
        if self.plan.failing and not reason:
            self.query_one("#reason").focus()
            return
        self.dismiss(Promotion(self.plan.version, self.plan.to_stage, reason))


def comparison(plan: PromotePlan) -> Text:
    """Metrics side by side, each with a sign and a word."""
    if not plan.metrics:
        return Text("no metrics of this version's run", style="dim")
    columns = (
        Column("metric"), Column(f"v{plan.version}", right=True), Column("now", right=True),
        Column("change", right=True), Column(""),
    )  # fmt: skip
    rows: list[list[str | Text]] = [
        [plain(row.name), number(row.candidate), number(row.incumbent), *_change(row)] for row in plan.metrics
    ]
    header, lines = layout(columns, rows, 100)
    header.stylize("dim")
    return Text("\n").join([header, *lines])


def gates(found: Sequence[Gate]) -> Text:
    """One line for each gate; the mark says whether it passes."""
    lines = [Text(end="")]
    for gate in found:
        line = Text("  ✓ " if gate.passed else "  ✗ ", style="" if gate.passed else "bold", end="")
        line.append(plain(gate.name))
        if gate.detail:
            line.append(f"  {plain(gate.detail)}", style="dim")
        lines.append(line)
    return Text("\n").join(lines) if found else Text("")


def number(value: float | None) -> str:
    """Four significant digits; – where there is no value."""
    return "–" if value is None else f"{value:.4g}"


def _change(row: MetricRow) -> tuple[Text, Text]:
    if row.incumbent is None:
        return Text(""), Text("")
    style = {"better": "green", "worse": "red"}.get(row.verdict, "")
    return Text(f"{row.candidate - row.incumbent:+.4g}", style=style), Text(row.verdict, style=style)
