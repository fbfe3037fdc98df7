"""What the Charts screen says in words: the list of metrics, the legend, titles, and the values at the cursor."""

import math
from collections.abc import Sequence

from rich.text import Text

from edm_core.curves.axes import XUnit, clock_label, duration_label
from edm_core.curves.history import History
from edm_core.curves.lines import Line as Curve
from edm_core.curves.lines import View, value_at
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import NOTHING, clean, number, sparkline
from edm_tui.screens.charts_book import ChartBook, is_system
from edm_tui.themes import run_colour, run_mark
from edm_tui.widgets.cells import Cell, Column, layout
from edm_tui.widgets.line_list import Line

SYSTEM_HEADING = "system metrics"
SOLID, DASHED = "━━━", "╍ ╍"
UNITS: dict[XUnit, str] = {"step": "step", "epoch": "epoch", "relative": "relative time", "wall": "time of day"}


def legend(rows: Sequence[RunRow]) -> Text:
    """The runs with their marks, as in the table."""
    text = Text(" ", end="")
    for row in rows:
        text.append(run_mark(row.row_id), style=run_colour(row.row_id))
        text.append(f" {clean(row.name)}   ")
    return text


def metric_lines(book: ChartBook, width: int) -> tuple[Text, list[Line]]:
    """The header and one line for each metric and run. The key holds chart, metric and run."""
    many = len(book.rows) > 1
    spark = max(8, min(32, width - 62))
    columns = [
        Column("metric", flex=True), *([Column("run", flex=True)] if many else []), Column("", width=spark),
        Column("last", right=True), Column("best", right=True), Column("@step", right=True),
        Column("points", right=True),
    ]  # fmt: skip
    keys, cells = [], []
    for title in book.charts():
        for row, key, history in book.histories(title):
            keys.append(f"{title}\n{key}\n{row.row_id}")
            cells.append(_row_cells(book, row, key, history, spark, many))
    header, texts = layout(columns, cells, width)
    lines = [Line(text, key) for text, key in zip(texts, keys, strict=True)]
    machine = next((at for at, key in enumerate(keys) if is_system(key)), None)
    if machine is not None:
        heading = Line(Text(f" {SYSTEM_HEADING}", style="bold", end=""))
        lines[machine:machine] = [Line(Text(end="")), heading] if machine else [heading]
    return header, lines


def _row_cells(book: ChartBook, row: RunRow, key: str, history: History, width: int, many: bool) -> list[Cell]:
    best = book.best(key, history)
    colour = run_colour(row.row_id)
    name = Text.assemble((run_mark(row.row_id), colour), f" {clean(row.name)}", end="")
    last = history.last[2] if history.last is not None else math.nan
    return [
        key, *([name] if many else []), Text(sparkline(spark_values(history), width), style=colour),
        number(last), NOTHING if best is None else number(best[1]), NOTHING if best is None else f"{best[0]}",
        f"{history.total + len(history.bad):,}",
    ]  # fmt: skip


def spark_values(history: History) -> list[float]:
    """Values of a history by step, with its gaps."""
    numbers = zip(history.steps, history.means, strict=True)
    merged = sorted([*numbers, *((step, value) for step, _, value in history.bad)], key=lambda point: point[0])
    return [value for _, value in merged]


def title_text(title: str, curves: Sequence[Curve], colours: Sequence[str], *, alone: bool) -> Text:
    """A chart's title; of one run with the sign of each line and its last value, of several only with the signs."""
    text = Text(f" {clean(title)} ", end="")
    shown: set[str] = set()
    for curve, colour in zip(curves, colours, strict=True):
        sign = DASHED if curve.dashed else SOLID
        name = curve.name if alone else "validation" if curve.dashed else "training"
        if alone:
            last = curve.history.last
            text.append(f" {sign}", style=colour)
            text.append(f" {name}" if len(curves) > 1 else "")
            text.append(f" {number(last[2])}" if last is not None else "")
        elif any(other.dashed for other in curves) and sign not in shown:
            text.append(f" {sign} {name}")
            shown.add(sign)
    return text


def where(x: float, unit: XUnit) -> str:
    """An x value in words."""
    if unit in ("step", "epoch"):
        return f"{unit} {x:,.10g}" if unit == "epoch" else f"step {x:,.0f}"
    return duration_label(x) if unit == "relative" else clock_label(x, 1)


def foot_lines(
    book: ChartBook, title: str, curves: Sequence[Curve], view: View, cursor: float | None, most: int
) -> tuple[Text, ...]:
    """One line for each curve: its value at the cursor (its last one without a cursor) and its best."""
    lines = []
    for (row, key, history), curve in zip(book.histories(title), curves, strict=True):
        line = Text(" ", end="")
        line.append(run_mark(row.row_id), style=run_colour(row.row_id))
        line.append(f" {DASHED if curve.dashed else SOLID} ", style=run_colour(row.row_id))
        line.append(f"{clean(curve.name)}  ")
        line.append(reading_text(curve, view, cursor), style="bold")
        best = book.best(key, history)
        line.append("" if best is None else f"   best {number(best[1])} @{best[0]}")
        lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], Text(f" … and {len(lines) - most + 1} more lines", end="")]
    return tuple(lines)


def reading_text(curve: Curve, view: View, cursor: float | None) -> str:
    """The value of a curve at the cursor, and where it was when that is not just there."""
    if cursor is None:
        last = curve.history.last
        return NOTHING if last is None else f"last {number(last[2])} @{last[0]}"
    found = value_at(curve, view.unit, cursor)
    if found is None:
        return f"{NOTHING} (begins later)"
    text = number(found.value)
    if found.count > 1:
        text += f" mean of {found.count:,} from @{found.step}, {number(found.low)} to {number(found.high)}"
    elif view.unit != "step" or found.step != cursor:
        text += f" @{found.step}"
    return text


def status_text(book: ChartBook, shown: int, view: View, page: str, fault: str) -> str:
    """What is shown and how, and which key clears it."""
    runs = clean(book.rows[0].name) if len(book.rows) == 1 else f"{len(book.rows)} runs"
    applied = [
        f"x {UNITS[view.unit]}" if view.unit != "step" else "", "y log" if view.log else "",
        f"smoothed {view.smooth:g}" if view.smooth else "", "outliers off" if view.clip else "",
        "zoomed (0 resets)" if view.x or view.y else "",
    ]  # fmt: skip
    charts = f"{shown} of {book.count} charts: {book.pattern} (esc clears)" if book.pattern else f"{shown} charts"
    return " · ".join(filter(None, ("charts", runs, charts, page, *applied, fault)))
