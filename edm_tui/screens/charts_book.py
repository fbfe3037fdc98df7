"""What the Charts screen knows: the runs, their histories, and which charts those make."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edm_core.curves.axes import XUnit
from edm_core.curves.grouping import grouped, matcher, stage_and_rest
from edm_core.curves.history import History, Span
from edm_core.curves.lines import FAR, Line, Range, steps_between, xs_of
from edm_core.settings import MetricsSettings
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import clean
from edm_tui.themes import run_colour, run_mark

EPOCH = "epoch"
"""The metric that tells the epoch of a step, as Lightning and others log it."""
SYSTEM = "system/"
"""How the metrics begin that MLflow logs of the machine."""


def is_system(title: str) -> bool:
    """Whether a chart is of the machine."""
    return title.startswith(SYSTEM)


class ChartBook:
    """Histories by run and metric, and the charts made of them."""

    def __init__(self, rows: Sequence[RunRow], settings: MetricsSettings) -> None:
        # A job that has made neither a run nor a folder yet has nothing to draw.
        self.rows = tuple(row for row in rows if row.run_id or row.run_dir)
        self.pattern = ""
        self._settings = settings
        self._histories: dict[str, dict[str, History]] = {}
        self._fine: dict[tuple[str, str], tuple[Span, History, History]] = {}
        self._charts: dict[str, tuple[str, ...]] = {}
        self._keys: set[str] = set()
        self._whole: set[str] = set()
        self._lines: dict[tuple[str, str], Line] = {}
        self._name_charts()

    # What was read --------------------------------------------------------------

    def known(self, row_id: str) -> Mapping[str, History]:
        """What is known of a run."""
        return self._histories.get(row_id, {})

    def learn(self, row_id: str, histories: Mapping[str, History], *, part: bool = False) -> None:
        """Take what was read of a run: all that it has, or a part of that."""
        self._histories[row_id] = {**self.known(row_id), **histories} if part else dict(histories)
        if not part:
            self._whole.add(row_id)
        self._name_charts()

    def _name_charts(self) -> None:
        """Charts of all metrics that were read; a row names those of its run before anything was."""
        keys = {key for known in self._histories.values() for key in known}
        keys |= {key for row in self.rows if row.row_id not in self._whole for key in row.metrics}
        if keys != self._keys:
            self._keys, self._charts = keys, grouped(keys)

    def learn_fine(self, row_id: str, span: Span, histories: Mapping[str, History]) -> None:
        """Take what was read of a stretch in more detail."""
        for key, history in histories.items():
            coarse = self.known(row_id).get(key)
            if coarse is not None:
                self._fine[row_id, key] = (span, history, coarse)

    def replace_rows(self, rows: Sequence[RunRow]) -> None:
        """The same runs as they are now."""
        newer = {row.row_id: row for row in rows}
        self.rows = tuple(newer.get(row.row_id, row) for row in self.rows)

    @property
    def growing(self) -> bool:
        """Whether a run still goes on."""
        return any(row.status == "RUNNING" for row in self.rows)

    # Charts ---------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many charts there are before filtering."""
        return len(self._charts)

    def charts(self) -> list[str]:
        """Titles of the charts that fit the filter: those of the settings' metrics first, single values later, those of
        the machine last."""
        fits = matcher(self.pattern)
        found = [title for title, keys in self._charts.items() if fits(title) or any(map(fits, keys))]
        first = [stage_and_rest(key)[1] for key in (self._settings.primary, *self._settings.columns)]
        first += [self._settings.primary, *self._settings.columns]

        def order(title: str) -> tuple[bool, int, bool, str]:
            place = first.index(title) % (len(first) // 2) if title in first else len(first)
            return is_system(title), place, self._longest(title) < 2, title

        return sorted(found, key=order)

    def _longest(self, title: str) -> int:
        return max((len(history) for _, _, history in self._of(title)), default=0)

    def metrics(self, title: str) -> tuple[str, ...]:
        """The metrics of a chart."""
        return self._charts.get(title, ())

    def _of(self, title: str) -> list[tuple[RunRow, str, History]]:
        return [
            (row, key, self.known(row.row_id)[key])
            for row in self.rows
            for key in self.metrics(title)
            if key in self.known(row.row_id)
        ]

    def histories(self, title: str) -> list[tuple[RunRow, str, History]]:
        """Run, metric and whole history of each line of a chart."""
        return self._of(title)

    def lines(self, title: str, view: tuple[XUnit, Range] | None = None) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """The lines of a chart and their colours; in more detail where that is known of all that is in view."""
        lines, colours = [], []
        keys = self.metrics(title)
        for row, key, history in self._of(title):
            line = self._line(row, key, history, keys.index(key) > 0)
            if view is not None:
                line = self._detailed(row, key, line, view)
            lines.append(line)
            colours.append(run_colour(row.row_id))
        return tuple(lines), tuple(colours)

    def _line(self, row: RunRow, key: str, history: History, dashed: bool) -> Line:
        known, epochs = self._lines.get((row.row_id, key)), self.known(row.row_id).get(EPOCH)
        if known is None or known.history is not history or known.dashed is not dashed or known.epochs is not epochs:
            name = clean(f"{row.name} {key}" if len(self.rows) > 1 else key)
            known = Line(name, history, run_mark(row.row_id), dashed, row.start_ms, epochs)
            self._lines[row.row_id, key] = known
        return known

    def _detailed(self, row: RunRow, key: str, line: Line, view: tuple[XUnit, Range]) -> Line:
        """The line as it was read last in more detail, where that covers what is in view."""
        fine = self._fine.get((row.row_id, key))
        if fine is None or fine[2] is not line.history:
            return line
        (first, last), history, _ = fine
        detailed = replace(line, history=history)
        unit, (low, high) = view
        xs = xs_of(detailed, unit)
        begins = first == -FAR or (len(xs) and xs[0] <= low)
        ends = last == FAR or (len(xs) and xs[-1] >= high)
        return detailed if begins and ends else line

    def wanted(self, title: str, view: tuple[XUnit, Range]) -> list[tuple[RunRow, Span, list[str]]]:
        """(run, steps, metrics) that a view of a chart would show in more detail than is known."""
        found: dict[str, tuple[RunRow, list[Span], list[str]]] = {}
        keys = self.metrics(title)
        for row, key, history in self._of(title):
            coarse = self._line(row, key, history, keys.index(key) > 0)
            line = self._detailed(row, key, coarse, view)
            span = steps_between(line, *view)
            if span is not None and (line is coarse or _spread(line, *view)) and not line.history.exact:
                _, spans, wanted = found.setdefault(row.row_id, (row, [], []))
                spans.append(span)
                wanted.append(key)
        return [
            (row, (min(low for low, _ in spans), max(high for _, high in spans)), wanted)
            for row, spans, wanted in found.values()
        ]

    def best(self, key: str, history: History) -> tuple[int, float] | None:
        """(step, value) of a history's best value by the metric's direction."""
        return history.lowest if self._settings.minimised(key) else history.highest

    def ends(self, title: str, unit: XUnit) -> Range | None:
        """The first and the last x of a chart."""
        xs = [xs for line in self.lines(title)[0] if len(xs := xs_of(line, unit))]
        return (min(x[0] for x in xs), max(x[-1] for x in xs)) if xs else None


def _spread(line: Line, unit: XUnit, x: Range) -> bool:
    """Whether much of a line's samples lies out of view, so that another reading would show more of what is in it."""
    xs = xs_of(line, unit)
    return 1.3 * (bisect_right(xs, x[1]) - bisect_left(xs, x[0])) < len(xs)
