"""Doctor: what is not as it should be, by what evidence, and how it is mended, shown before it is done."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text
from textual import work

from edm_core.errors import EdmError
from edm_core.snapshots.findings import Finding
from edm_core.snapshots.runs import RunRow
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.formatting import clean
from edm_tui.messages import ActionFinished, ActionRequested, StoreChanged
from edm_tui.screens.lists import ListScreen
from edm_tui.widgets.cells import cut, plain
from edm_tui.widgets.line_list import Line, LineList

MARKS = {"error": ("✗", "$error"), "warning": ("!", "$warning"), "info": ("·", "")}
SHOWN = 15


class DoctorScreen(ListScreen):
    """Enter shows a finding whole and asks before its mend; `M` mends all that can be mended."""

    context = "doctor"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.findings: tuple[Finding, ...] | None = None
        self._fault = ""
        self._deep = False

    # Reading --------------------------------------------------------------------

    def stores_changed(self, message: StoreChanged) -> None:
        """Looking takes seconds and waits for verbs that go on, so only the first look comes by itself."""
        if self.findings is None:
            self._look()

    def finished(self, message: ActionFinished) -> None:
        """After a mend the whole is looked at again: one fault may have hidden another."""
        self._look()

    def do_refresh(self) -> None:
        self.host.redraw()
        self._look()

    def do_deep(self) -> None:
        """Hash every object that kept runs need; that reads all of it."""
        self._deep = True
        self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        deep = ("--deep",) if self._deep else ()
        self._fault = ""
        # Before the child starts there is an await, so that the line is said once the title is in `running`.
        self.call_later(self.say)
        try:
            document = await self.services.query("doctor", *deep, lane=None, title="doctor is looking")
        except EdmError as error:
            self._fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
        else:
            self.findings = tuple(to_finding(one) for one in document["findings"])
        self._show()

    # Showing --------------------------------------------------------------------

    def _show(self) -> None:
        self.list.set_empty(self._fault or ("looking …" if self.findings is None else "all is well"))
        self.list.set_lines(finding_lines(self.findings or (), self.size.width, ascii_only=self.ascii_only))
        self.say()

    def status_text(self) -> str:
        if self.findings is None:
            return f"doctor · {self._fault or 'looking …'}"
        counts = {word: sum(1 for one in self.findings if one.severity == word) for word in MARKS}
        told = [f"{number} {word}{'s' if number != 1 else ''}" for word, number in counts.items() if number]
        depth = "" if self._deep else "small objects hashed: i hashes all"
        return " · ".join(filter(None, ["doctor", ", ".join(told) or "all is well", depth, self._fault]))

    def on_resize(self) -> None:
        self._show()

    def on_line_list_highlighted(self) -> None:
        self.say()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.do_mend()

    def copied(self) -> str:
        """What to do about the finding under the cursor, ready to paste."""
        return self.finding.mend if self.finding is not None else ""

    # Verbs ----------------------------------------------------------------------

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor."""
        return next((one for one in self.findings or () if key_of(one) == self.list.key), None)

    @property
    def mendable(self) -> tuple[Finding, ...]:
        """What is mended together; a mend that is one of several ways is chosen by its own key."""
        return tuple(one for one in self.findings or () if one.mendable and not one.by_choice)

    def reason(self, verb: str) -> str:
        if verb in ("mend", "open"):
            if self.finding is None:
                return "no finding"
            return "" if verb == "open" or self.finding.mendable else "only by hand: enter tells how"
        if verb == "mend_all":
            return "" if self.mendable else "nothing to mend"
        if verb == "deep" and self._deep:
            return "hashes are checked"
        return super().reason(verb)

    @work(exclusive=True, group="form")
    async def do_mend(self) -> None:
        """Show the finding under the cursor whole, and mend it when asked to."""
        found = self.finding
        if found is None:
            return
        lines = (found.message, found.evidence, f"{'mend' if found.mendable else 'by hand'}: {found.mend}")
        dialog = ConfirmDialog(f"{found.severity}: {found.check}", tuple(filter(None, lines)), _answer(found))
        if await self.app.push_screen_wait(dialog) and found.mendable:
            argv = ("doctor", *(("--deep",) if self._deep else ()), "--fix", "--only", found.id)
            self.app.post_message(ActionRequested("mend", argv, "data", f"Mend {cut(plain(found.message), 40)}"))

    @work(exclusive=True, group="form")
    async def do_mend_all(self) -> None:
        """Show every mend, and do them all when asked to."""
        found = self.mendable
        lines = tuple(f"{one.message}: {one.mend}" for one in found[:SHOWN])
        lines += (f"and {len(found) - SHOWN} more",) if len(found) > SHOWN else ()
        if await self.app.push_screen_wait(ConfirmDialog(f"Mend all {len(found)}?", lines, "mend all")):
            only = [word for one in found for word in ("--only", one.id)]
            argv = ("doctor", *(("--deep",) if self._deep else ()), "--fix", *only)
            self.app.post_message(ActionRequested("mend", argv, "data", f"Mend {len(found)} findings"))


def _answer(found: Finding) -> str:
    return "mend" if found.mendable else "back (it has no mend by key)"


def to_finding(raw: Mapping[str, Any]) -> Finding:
    """A finding out of `edm doctor --json`."""
    return Finding(
        str(raw["check"]), raw["severity"], str(raw["message"]), str(raw.get("evidence", "")),
        str(raw.get("mend", "")), bool(raw.get("mendable")), str(raw.get("mended", "")), bool(raw.get("by_choice")),
    )  # fmt: skip


def key_of(found: Finding) -> str:
    """What names a finding through a second look."""
    return found.id


def finding_lines(findings: Sequence[Finding], width: int, *, ascii_only: bool) -> list[Line]:
    """Two lines for each finding, errors first: what is wrong, and below it the evidence and the mend."""
    order = list(MARKS)
    lines = []
    for found in sorted(findings, key=lambda one: order.index(one.severity)):
        mark, style = MARKS[found.severity]
        text = Text(" ", end="").append(f"{'x' if ascii_only and mark == '✗' else mark} ", style)
        text.append(f"{found.severity:<8}", style).append(cut(plain(clean(found.message)), width - 12))
        lines.append(Line(text, key_of(found)))
        how = "m mends" if found.mendable else "by hand"
        for more in filter(None, (found.evidence, f"{how}: {found.mend}" if found.mend else "")):
            lines.append(Line(Text(cut(f"            {plain(clean(more))}", width - 1), style="dim", end="")))
    return lines
