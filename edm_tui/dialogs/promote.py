"""Promotion as a decision: the candidate beside the one that it replaces, the gates, and a reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from edm_tui.dialogs.frame import Frame
from edm_tui.formatting import NOTHING, number
from edm_tui.widgets.cells import Column, cut, layout, plain

HOLDERS = ("Staging", "Production")
"""The stages that one version holds; in the others any number may be."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of the candidate and of the incumbent (None: not known); `verdict` is better, worse, same or ""."""

    name: str
    candidate: float | None
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
    """What is known at once; `PromoteDialog.tell` adds the rest. `incumbent` is "" where nobody holds the stage."""

    model: str
    version: int
    run_name: str
    from_stage: str
    to_stage: str
    incumbent: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """The decision, with its reason ("" where none was given)."""

    version: int
    stage: str
    reason: str = ""


class PromoteDialog(Frame[Promotion]):
    """Dismisses with the decision, or None. Failing gates need a reason, which is recorded."""

    KEYS_LINE = "enter move · type a reason · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "decide", "move", show=False)]

    def __init__(self, plan: PromotePlan) -> None:
        super().__init__(id="promote")
        self.plan = plan
        self._told = False
        self._failing = 0

    def heading(self) -> Text:
        plan = self.plan
        text = Text(f"{plain(plan.model)}  v{plan.version} {cut(plain(plan.run_name), 40)}", style="bold")
        text.append(f"   {plan.from_stage} → {plan.to_stage}")
        if plan.incumbent:
            text.append(f"   now {plain(plan.incumbent)}", style="not bold")
        elif plan.to_stage in HOLDERS:
            text.append(f"   nobody is in {plan.to_stage}", style="not bold")
        return text

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="facts", can_focus=False):
            yield Static(id="comparison")
            yield Static(id="gates")
        with Horizontal(classes="field"):
            yield Label("reason", classes="label")
            reason = Input(id="reason", compact=True, placeholder="optional; is recorded")
            reason.cursor_blink = False
            yield reason

    def on_mount(self) -> None:
        self.say("comparing, and checking the gates …")

    def tell(
        self,
        metrics: Sequence[MetricRow],
        gates: Sequence[Gate],
        differences: Mapping[str, tuple[str, str]],
        notice: str = "",
    ) -> None:
        """What was found out; `notice` is why it could not be. From here on enter decides."""
        self._told = True
        self._failing = sum(1 for gate in gates if not gate.passed)
        self.query_one("#comparison", Static).update(comparison(self.plan, metrics, differences))
        self.query_one("#gates", Static).update(gate_lines(gates))
        if self._failing:
            many = "1 gate fails" if self._failing == 1 else f"{self._failing} gates fail"
            self.query_one("#reason", Input).placeholder = "needed, because a gate fails"
            self.say(f"{many}: give a reason to go on all the same", "error")
        else:
            self.say(plain(notice), "warning" if notice else "")

    def on_input_submitted(self) -> None:
        self.action_decide()

    def action_decide(self) -> None:
        if not self._told:
            return
        reason = self.query_one("#reason", Input).value.strip()
        if self._failing and not reason:
            self.query_one("#reason").focus()
            return
        self.dismiss(Promotion(self.plan.version, self.plan.to_stage, reason))


def comparison(plan: PromotePlan, metrics: Sequence[MetricRow], differences: Mapping[str, tuple[str, str]]) -> Text:
    """Metrics side by side, each with a sign and a word, and what else differs."""
    lines: list[Text] = []
    if metrics:
        columns = (
            Column("metric"), Column(f"v{plan.version}", right=True), Column("now", right=True),
            Column("change", right=True), Column(""),
        )  # fmt: skip
        header, lines = layout(columns, [_metric_cells(row) for row in metrics], 100)
        header.stylize("dim")
        lines = [header, *lines]
    elif plan.to_stage in HOLDERS:
        lines = [Text("no metrics of this version are known", style="dim")]
    for what, (mine, theirs) in differences.items():
        lines.append(
            Text(f"other {plain(what)}: {cut(plain(theirs) or NOTHING, 16)} → {cut(plain(mine) or NOTHING, 16)}")
        )
    return Text("\n").join(lines)


def _metric_cells(row: MetricRow) -> list[str | Text]:
    values = [NOTHING if value is None else number(value) for value in (row.candidate, row.incumbent)]
    if row.candidate is None or row.incumbent is None:
        return [row.name, *values, "", ""]
    style = {"better": "green", "worse": "red"}.get(row.verdict, "")
    change = Text(f"{row.candidate - row.incumbent:+.4g}", style=style)
    return [row.name, *values, change, Text(row.verdict, style=style)]


def gate_lines(found: Sequence[Gate]) -> Text:
    """One line for each gate; the mark and the word say whether it passes."""
    lines = [Text(end="")] if found else []
    for gate in found:
        line = Text("✓ " if gate.passed else "✗ ", style="" if gate.passed else "bold", end="")
        line.append(plain(gate.name))
        line.append(f"  {plain(gate.detail)}" if gate.passed else f"  fails: {plain(gate.detail)}", style="dim")
        lines.append(line)
    return Text("\n").join(lines)
