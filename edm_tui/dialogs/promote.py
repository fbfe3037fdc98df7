"""A move as a decision: the candidate beside the one that it replaces, the gates, and a reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from edm_core.snapshots.promotion import GateResult, MetricComparison
from edm_tui.dialogs.frame import Frame
from edm_tui.formatting import NOTHING, number
from edm_tui.widgets.cells import Column, cut, layout, plain

HOLDERS = ("Staging", "Production")
"""The stages that one version holds; in the others any number may be."""
METRICS = 8
"""How many metrics are shown; the first ones are those of edm.toml."""
OTHERS = 12
"""Lines that border, heading, reason, message and keys may need."""
Kind = Literal["promote", "demote", "roll back"]


@dataclass(frozen=True, slots=True)
class PromotePlan:
    """What is known at once; `PromoteDialog.tell` adds the rest. `incumbent` is "" where nobody holds the stage."""

    model: str
    version: int
    run_name: str
    from_stage: str
    to_stage: str
    incumbent: str = ""
    kind: Kind = "promote"


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to know before the decision: `lines` are the differences in words, `notice` is why something could
    not be found out."""

    metrics: Sequence[MetricComparison] = ()
    gates: Sequence[GateResult] = ()
    lines: Sequence[str] = ()
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """The decision, with its reason ("" where none was given)."""

    version: int
    stage: str
    reason: str = ""


class PromoteDialog(Frame[Promotion]):
    """Dismisses with the decision, or None. Failing gates need a reason, which is recorded. `evaluate` scores the
    candidate now and tells again; None where that is no question."""

    KEYS_LINE = "esc back"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "decide", "move", show=False),
        Binding("o", "give_reason", "with a reason", show=False),
        Binding("v", "evaluate", "evaluate now", show=False),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
    ]

    def __init__(self, plan: PromotePlan, evaluate: Callable[[], object] | None = None) -> None:
        super().__init__(id="promote")
        self.plan = plan
        self._evaluate = evaluate
        self._told = False
        self._failing = 0

    def heading(self) -> Text:
        plan = self.plan
        back = "roll back to " if plan.kind == "roll back" else ""
        text = Text(f"{plain(plan.model)}  {back}v{plan.version} {cut(plain(plan.run_name), 40)}", style="bold")
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
        with Horizontal(classes="field", id="reason-field"):
            yield Label("reason", classes="label")
            reason = Input(id="reason", compact=True, placeholder="is recorded in the history")
            reason.cursor_blink = False
            yield reason

    def on_mount(self) -> None:
        super().on_mount()
        self._ask_reason(False)
        self.say("comparing, and checking the gates …")

    def on_resize(self, event: events.Resize) -> None:
        """What was found out gives way: reason, message and keys are always in view."""
        self.query_one("#facts").styles.max_height = max(4, event.size.height - OTHERS)

    def tell(self, found: Findings) -> None:
        """What was found out; from here on enter decides."""
        self._told = True
        self._failing = sum(1 for gate in found.gates if not gate.passed)
        self.query_one("#comparison", Static).update(comparison(self.plan, found))
        self.query_one("#gates", Static).update(gate_lines(found.gates))
        if self._failing:
            many = "1 gate fails" if self._failing == 1 else f"{self._failing} gates fail"
            self.say(f"Cannot {self.plan.kind}: {many}.", "error")
        else:
            self.say(plain(found.notice), "warning" if found.notice else "")
        self._name_keys()

    # Keys ---------------------------------------------------------------------

    @property
    def _asks(self) -> bool:
        return bool(self.query_one("#reason-field").display)

    def _ask_reason(self, yes: bool) -> None:
        self.query_one("#reason-field").display = yes
        reason = self.query_one("#reason", Input)
        if yes:
            reason.focus()
        else:
            reason.value = ""
            self.set_focus(None)
        self._name_keys()

    def _name_keys(self) -> None:
        kind, blocked = self.plan.kind, self._failing > 0
        if self._asks:
            words = [f"enter {'override and ' if blocked else ''}{kind}, with this reason", "esc without it"]
        elif not self._told:
            words = ["esc back"]
        else:
            words = ["o override with a reason"] if blocked else [f"enter {kind}", "o with a reason"]
            words += ["v evaluate now"] if self._evaluate is not None else []
            words += ["j k scroll", "esc back"]
        self.query_one("#form-keys", Static).update(Text(" · ".join(words), style="dim"))

    def action_give_reason(self) -> None:
        self._ask_reason(True)

    def action_evaluate(self) -> None:
        if self._evaluate is None:
            return
        self.say("evaluating, track by track …")
        self._evaluate()

    def action_scroll(self, step: int) -> None:
        self.query_one("#facts").scroll_relative(y=step, animate=False)

    def action_back(self) -> None:
        """Step out one layer: the reason, then the form."""
        if self._asks:
            self._ask_reason(False)
        else:
            super().action_back()

    def on_input_submitted(self) -> None:
        self.action_decide()

    def action_decide(self) -> None:
        if not self._told:
            return
        reason = self.query_one("#reason", Input).value.strip()
        if self._failing and not reason:
            self._ask_reason(True)
            self.say("A reason in words is needed: it is recorded in the history.", "error")
            return
        self.dismiss(Promotion(self.plan.version, self.plan.to_stage, reason))


def comparison(plan: PromotePlan, found: Findings) -> Text:
    """Metrics side by side, each with its direction, a sign and a word, and what else differs."""
    lines: list[Text] = []
    if found.metrics:
        columns = (
            Column("metric"), Column(f"v{plan.version}", right=True), Column("now", right=True),
            Column("change", right=True), Column(""),
        )  # fmt: skip
        header, lines = layout(columns, [_metric_cells(row) for row in found.metrics[:METRICS]], 100)
        header.stylize("dim")
        lines = [header, *lines]
        if len(found.metrics) > METRICS:
            lines.append(Text(f"and {len(found.metrics) - METRICS} more: d compares all", style="dim"))
    elif plan.to_stage in HOLDERS:
        lines = [Text("no metrics of this version are known", style="dim")]
    return Text("\n").join([*lines, *(Text(plain(line)) for line in found.lines)])


def _metric_cells(row: MetricComparison) -> list[str | Text]:
    name = row.metric + {True: " ↓", False: " ↑", None: ""}[row.minimised]
    values = [NOTHING if value is None else number(value) for value in (row.candidate, row.incumbent)]
    if row.delta is None:
        return [name, *values, "", ""]
    style = {"better": "green", "worse": "red"}.get(row.verdict, "")
    return [name, *values, Text(f"{row.delta:+.4g}", style=style), Text(row.verdict, style=style)]


def gate_lines(found: Sequence[GateResult]) -> Text:
    """One line for each gate; the mark and the word say whether it passes."""
    lines = [Text("gates", style="dim", end="")] if found else []
    for gate in found:
        line = Text("✓ " if gate.passed else "✗ ", style="" if gate.passed else "bold", end="")
        line.append(plain(gate.gate))
        line.append(f"  {plain(gate.detail)}" if gate.passed else f"  fails: {plain(gate.detail)}", style="dim")
        lines.append(line)
    return Text("\n").join(lines)
