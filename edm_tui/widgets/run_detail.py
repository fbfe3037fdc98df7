"""The pane that explains the run under the cursor, line by line, without being asked."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from edm_core.settings import Settings
from edm_core.snapshots.runs import MetricSummary, RunDetail, RunRow
from edm_core.table.usual import metrics_shown
from edm_tui.formatting import NOTHING, age, clean, duration, fit, number, param, size, sparkline
from edm_tui.run_cells import Look, seconds, state_text
from edm_tui.themes import run_colour, run_mark
from edm_tui.widgets.painted import Painted

SPARK, LEAST_SPARK = 12, 4
NAME_LEAST, LEAST_NUMBER, LEAST_STEP = 12, 6, 3
OUR_TAGS = ("mlflow.", "edm.")
DATA_WORDS = {
    "none": "no folder",
    "untracked": "not kept",
    "kept": "kept here only",
    "pushed": "kept and on the remote",
    "changed": "changed since it was kept",
    "missing": "kept, not here",
    "trashed": "in the trash",
}
Line = tuple[str, str]
"""(kind, text): kind is title, head, or "" for plain text."""


class DetailPane(Painted, can_focus=True):
    """`show` paints what the row knows at once; `add` fills in what had to be read (files, metadata)."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"detail--title", "detail--head"}

    def __init__(self, settings: Settings, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._settings = settings
        self._row: RunRow | None = None
        self._detail: RunDetail | None = None
        self._fault = ""
        self._look = Look()
        self._lines: list[Line] = []
        self._top = 0

    @property
    def text(self) -> str:
        """All lines, as a reader sees them."""
        return "\n".join(line for _, line in self._lines)

    def show(self, row: RunRow | None, look: Look) -> None:
        """Explain this run; what was read of the same run before stays until it is read again."""
        same = row is not None and self._row is not None and row.row_id == self._row.row_id
        self._row, self._look = row, look
        if not same:
            self._detail, self._top = None, 0
        self._fault = ""
        self._redraw()

    def add(self, detail: RunDetail) -> None:
        """What had to be read; ignored when the cursor has gone on."""
        if self._row is not None and detail.row.row_id == self._row.row_id:
            self._detail = detail
            self._redraw()

    def fail(self, row: RunRow, reason: str) -> None:
        """Say why this run's files could not be read."""
        if self._row is not None and row.row_id == self._row.row_id:
            self._fault = reason
            self._redraw()

    def scroll_lines(self, step: int) -> None:
        """Scroll by lines, as far as there are any."""
        self._top = min(max(0, self._top + step), max(0, len(self._lines) - self.size.height))
        self.repaint()

    def _redraw(self) -> None:
        width = max(20, (self.size.width or 50) - 2)
        self._lines = list(self._describe(width)) if self._row is not None else []
        self.repaint()

    def on_resize(self) -> None:
        self._redraw()

    def draw_line(self, y: int) -> Strip:
        width, index = self.size.width, self._top + y
        kind, text = self._lines[index] if index < len(self._lines) else ("", "")
        style = self.style_of(f"detail--{kind}") if kind else self.style_of()
        if kind == "title" and self._row is not None:
            mark = Segment(
                f" {run_mark(self._row.row_id)}", self.style_of() + Style(color=run_colour(self._row.row_id))
            )
            return Strip([mark, Segment(fit(f" {text}", width - 2), style)])
        return Strip([Segment(fit(f" {text}", width), style)])

    # Lines --------------------------------------------------------------------

    def _describe(self, width: int) -> Iterator[Line]:
        row = self._row
        if row is None:
            return
        yield "title", clean(row.name)
        yield "", self._state(row)
        yield from self._alarms(row, width)
        yield "", self._data(row)
        if self._fault:
            yield "", f"! {clean(self._fault)}"
        for text in wrap(row.note, width, 3):
            yield "", text
        yield from self._metrics(row, width)
        yield from self._params(row, width)
        yield from self._origin(row)
        yield from self._files()
        yield from self._metadata(width)

    def _state(self, row: RunRow) -> str:
        parts = [state_text(row, self._look.now)]
        if row.end_ms is not None:
            parts[0] += f" {age(self._look.now - row.end_ms / 1000)} ago"
        took = seconds(row, self._look.now)
        if took is not None:
            parts.append(duration(took))
        left = row.job.eta_seconds(self._look.now) if row.job is not None else None
        if left is not None:
            parts.append(f"{duration(left)} to go")
        if row.user:
            parts.append(clean(row.user))
        if row.job is not None and row.job.note:
            parts.append(clean(row.job.note))
        return " · ".join(parts)

    def _alarms(self, row: RunRow, width: int) -> Iterator[Line]:
        for alarm in row.job.alarms if row.job is not None else ():
            for text in wrap(f"! {clean(alarm.text)}", width, 2):
                yield "", text

    def _data(self, row: RunRow) -> str:
        parts = [f"{row.data_state.symbol} {DATA_WORDS[row.data_state.word]}".strip()]
        if row.model:
            parts.append(clean(row.model))
        if self._detail is not None and self._detail.bytes_total:
            parts.append(size(self._detail.bytes_total))
        return " · ".join(parts)

    def _metrics(self, row: RunRow, width: int) -> Iterator[Line]:
        known = self._detail.row.metrics if self._detail is not None else row.metrics
        if not known:
            return
        yield "", ""
        first = [name for name in metrics_shown(self._settings) if name in known]
        names = [*first, *sorted(name for name in known if name not in first)]
        shown = [(name, known[name]) for name in names]
        cells = metric_cells(shown, width)
        yield "head", f"{'metrics':{cells[0]}} {'last':>{cells[1]}} {'best':>{cells[2]}}"
        for name, summary in shown:
            yield "", metric_line(name, summary, cells, width)

    def _params(self, row: RunRow, width: int) -> Iterator[Line]:
        if not row.params:
            return
        yield "", ""
        for text in wrap(
            " · ".join(f"{clean(key)} {param(value)}" for key, value in sorted(row.params.items())), width, 8
        ):
            yield "", text

    def _origin(self, row: RunRow) -> Iterator[Line]:
        yield "", ""
        parts = [f"commit {row.git_commit[:8]}"] if row.git_commit else []
        if row.tags.get("edm.git_dirty") in ("true", "True", "1"):
            parts.append("with uncommitted changes")
        if row.tags.get("edm.data_version"):
            parts.append(f"data {clean(row.tags['edm.data_version'])[:8]}")
        if parts:
            yield "", " · ".join(parts)
        if row.tags.get("edm.error"):
            yield "", f"error: {clean(row.tags['edm.error'])}"
        for key, value in sorted(row.tags.items()):
            if not key.startswith(OUR_TAGS):
                yield "", f"{clean(key)}: {clean(value)}"
        if row.run_id:
            yield "", f"id {row.run_id[:8]}"
        if row.run_dir and row.run_dir.rsplit("/", 1)[-1] != row.name:
            yield "", clean(row.run_dir)

    def _files(self) -> Iterator[Line]:
        if self._detail is None or not self._detail.files:
            return
        yield "", ""
        yield "head", f"files {self._detail.files_total}"
        for entry in self._detail.files[:8]:
            yield "", f"{size(entry.size):>8}  {clean(entry.path)}"
        more = self._detail.files_total - min(8, len(self._detail.files))
        if more > 0:
            yield "", f"{'':>8}  and {more} more"

    def _metadata(self, width: int) -> Iterator[Line]:
        if self._detail is None or not self._detail.metadata.strip():
            return
        yield "", ""
        yield "head", "metadata.yaml"
        for line in self._detail.metadata.rstrip().splitlines():
            yield "", clean(line)


def metric_cells(shown: Sequence[tuple[str, MetricSummary]], width: int) -> tuple[int, int, int, int]:
    """Widths of name, last value, best value and its step in a pane of `width` cells.

    As wide as the content wants; the names give way until a curve has its room, down to `NAME_LEAST` cells.
    """
    last = max(LEAST_NUMBER, *(len(number(summary.last)) for _, summary in shown))
    best = max(LEAST_NUMBER, *(len(best_number(summary)) for _, summary in shown))
    step = max(LEAST_STEP, *(len(step_text(summary)) for _, summary in shown))
    wanted = max(*(cell_len(clean(name)) for name, _ in shown), len("metrics"))
    room = width - (last + best + step + 4) - SPARK
    return min(wanted, 24, max(NAME_LEAST, room)), last, best, step


def best_number(summary: MetricSummary) -> str:
    """The best value in short."""
    return NOTHING if summary.best is None else number(summary.best)


def step_text(summary: MetricSummary) -> str:
    """The step of the best value, such as @44."""
    return "" if summary.best_step is None else f"@{summary.best_step}"


def metric_line(name: str, summary: MetricSummary, cells: tuple[int, int, int, int], width: int) -> str:
    """Name, last value, best value with its step, curve: in columns of these `cells`, that runs can be compared."""
    line = f"{fit(clean(name), cells[0])} {number(summary.last):>{cells[1]}} {best_number(summary):>{cells[2]}}"
    line = f"{line} {step_text(summary):<{cells[3]}}"
    room = width - cell_len(line) - 1
    return f"{line} {sparkline(summary.spark, min(SPARK, room))}" if room >= LEAST_SPARK else line.rstrip()


def wrap(text: str, width: int, limit: int) -> list[str]:
    """Text in lines of at most `width` cells; the last of `limit` lines ends in … where more would follow."""
    return flow(clean(text).split(), width, limit, " ")


def flow(items: Sequence[str], width: int, limit: int, between: str = " · ") -> list[str]:
    """Items side by side in lines of at most `width` cells, none of them broken; at most `limit` lines."""
    lines: list[str] = []
    for item in items:
        longer = f"{lines[-1]}{between}{item}" if lines else ""
        if lines and cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(item)
    if len(lines) > limit:
        return [*lines[: limit - 1], fit(between.join(lines[limit - 1 :]), width)]
    return lines
