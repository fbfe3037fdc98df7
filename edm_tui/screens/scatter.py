"""Scatter: any param or metric of the runs against any other."""

from rich.text import Text

from edm_core.curves.fields import METRIC, PARAM
from edm_core.curves.importance import importances
from edm_core.curves.scatter import scatter
from edm_tui.formatting import clean
from edm_tui.screens.run_fields import BESIDE, WIDE, RunFieldsScreen
from edm_tui.widgets.chart_rows import row_text
from edm_tui.widgets.status_line import StatusLine


class ScatterScreen(RunFieldsScreen):
    """`x` is the param that matters most for `y`, until another one is chosen."""

    context = "scatter"
    x = ""
    _chosen = ""

    def draw_runs(self) -> None:
        names = [one.name for one in self.importance()] + [name for name in self.fields if name != self.y]
        self.x = self._chosen if self._chosen in self.fields else next(iter(names), "")
        width, height = self.pane.size
        beside = width >= WIDE
        below = [] if beside else self.importance_lines(width, min(6, height // 4))
        lit, colours = self.shining()
        rows, left_out = [Text(self.fault or " these runs have no two values to compare", style="dim")], 0
        if self.x in self.fields and self.y in self.fields:
            room = width - BESIDE if beside else width
            x, y = self.fields[self.x], self.fields[self.y]
            cells, left_out = scatter(x, y, lit, room, height - 2 - len(below))
            head = Text.assemble((f" {clean(y.name)}{' log' if y.log else ''}", "bold"), "  against  ", end="")
            head.append(f"{clean(x.name)}{' log' if x.log else ''}", style="bold").append(self._together())
            marks = [run.mark for run in lit]
            rows = [head, *(row_text(row, marks, colours, ascii_only=self.ascii_only) for row in cells)]
            if beside:
                head.pad_right(max(0, room - head.cell_len))
                for row, line in zip(rows, self.importance_lines(BESIDE, len(rows)), strict=False):
                    row.append_text(line)
        self.pane.show([*rows, *below, self.foot(list(dict.fromkeys((self.x, self.y))) if self.fields else [])])
        status = f"scatter · {len(self.rows)} runs · {len(self.lit)} lit" + (
            f" · {left_out} without both values" if left_out else ""
        )
        self.query_one("#status", StatusLine).say(f"{status}{' · ' + self.fault if self.fault else ''}", "")
        self.say()

    def _together(self) -> str:
        found = importances([self.fields[self.x]], self.fields[self.y])
        return f"   rank correlation {found[0].strength:+.2f} over {found[0].runs} runs" if found else ""

    def _along_x(self) -> list[int]:
        places = self.fields[self.x].places() if self.x in self.fields else (None,) * len(self.rows)
        return sorted(
            (at for at in range(len(self.rows)) if places[at] is not None), key=lambda at: (places[at] or 0.0, at)
        )

    def do_field_on(self) -> None:
        self.go(1, self._along_x())

    def do_field_back(self) -> None:
        self.go(-1, self._along_x())

    def do_log_scale(self) -> None:
        self.toggle_log(self.y)

    def do_log_x(self) -> None:
        self.toggle_log(self.x)

    def do_axis_x(self) -> None:
        """Choose what stands on x."""

        def taken(name: str) -> None:
            self._chosen = name

        self.pick_field("The x axis", self.x, (PARAM, METRIC), taken)
