"""Parallel coordinates: one axis for each param that differs and the metrics, one line for each run."""

from rich.text import Text

from edm_core.curves.fields import METRIC, PARAM, Field
from edm_core.curves.parallel import AXIS_WIDTH, parallel
from edm_tui.screens.run_fields import BESIDE, WIDE, RunFieldsScreen
from edm_tui.widgets.chart_rows import row_text
from edm_tui.widgets.status_line import StatusLine


class ParallelScreen(RunFieldsScreen):
    """`axis` is the number of the axis that `l` and `X` are about."""

    context = "parallel"
    axis = 0
    _chosen: tuple[str, ...] | None = None

    def axes(self) -> list[Field]:
        """What was chosen; else the params that differ, those that matter most first, and the metric last."""
        if self._chosen is not None:
            names = [name for name in self._chosen if name in self.fields and name != self.y]
        else:
            names = [one.name for one in self.importance()]
            names += [
                field.name
                for field in self.fields.values()
                if field.kind == PARAM and field.varies and field.name not in names
            ]
            names = names[: max(1, self._room() // AXIS_WIDTH - 1)]
        return [self.fields[name] for name in [*names, self.y] if name in self.fields]

    def _room(self) -> int:
        width = self.pane.size.width
        return width - BESIDE if width >= WIDE else width

    def draw_runs(self) -> None:
        width, height = self.pane.size
        axes = self.axes()
        self.axis = min(max(self.axis, 0), max(0, len(axes) - 1))
        beside = width >= WIDE
        below = [] if beside else self.importance_lines(width, min(6, height // 4))
        lit, colours = self.shining()
        cells, left_out = parallel(axes, lit, self._room(), height - 1 - len(below), self.axis)
        marks = [run.mark for run in lit]
        rows = [row_text(row, marks, colours, ascii_only=self.ascii_only) for row in cells]
        if not axes or len(axes) < 2:
            rows = [Text(self.fault or " no param differs between these runs, or they have no metric", style="dim")]
        elif beside:
            for row, line in zip(rows, self.importance_lines(BESIDE, len(rows)), strict=False):
                row.append_text(line)
        self.pane.show([*rows, *below, self.foot([field.name for field in axes])])
        status = f"parallel coordinates · {len(self.rows)} runs · {len(self.lit)} lit" + (
            f" · {left_out} lines in the background left out" if left_out else ""
        )
        self.query_one("#status", StatusLine).say(f"{status}{' · ' + self.fault if self.fault else ''}", "")
        self.say()

    def do_field_on(self) -> None:
        self._choose_axis(1)

    def do_field_back(self) -> None:
        self._choose_axis(-1)

    def _choose_axis(self, step: int) -> None:
        self.axis = min(max(self.axis + step, 0), max(0, len(self.axes()) - 1))
        self.draw_runs()

    def do_log_scale(self) -> None:
        axes = self.axes()
        if axes:
            self.toggle_log(axes[self.axis].name)

    def do_axis_x(self) -> None:
        """Add an axis, or take it away."""
        shown = [field.name for field in self.axes() if field.name != self.y]

        def taken(name: str) -> None:
            self._chosen = tuple(one for one in shown if one != name) if name in shown else (*shown, name)

        self.pick_field("Add an axis, or take it away", "", (PARAM, METRIC), taken)
