"""What parallel coordinates and scatter have in common: runs as points of params and metrics, the marked ones lit."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.text import Text
from textual.app import ComposeResult

from edm_core.curves.fields import METRIC, PARAM, Field, fields_of
from edm_core.curves.importance import Importance, importances
from edm_core.curves.parallel import Lit
from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_tui.dialogs.pick import Option, PickDialog, Picked
from edm_tui.formatting import clean, number
from edm_tui.screens.reading import ReadingScreen
from edm_tui.themes import run_colour, run_mark
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.rows_pane import RowsPane
from edm_tui.widgets.status_line import StatusLine

MOST_RUNS = 2_000
"""Runs that are read, the newest first; lit ones come on top."""
WIDE, BESIDE = 110, 44
"""Cells from which importance stands beside the chart, and how many it takes."""


class RunFieldsScreen(ReadingScreen):
    """`lit` are the runs in colour. `among` are the rows to show (a sweep's trials); None reads the experiment's runs.

    The first `y` is the primary metric, where the runs have it.
    """

    CSS_PATH = "../styles/run_fields.tcss"

    def __init__(self, lit: Sequence[RunRow] = (), among: Sequence[RunRow] | None = None, y: str = "") -> None:
        super().__init__()
        self.rows: tuple[RunRow, ...] = tuple(among if among is not None else lit)
        self.lit = [row.row_id for row in lit]
        self.at = -1
        self.fields: dict[str, Field] = {}
        self.y = y
        self.fault = ""
        self._reads = among is None
        self._logs: dict[str, bool] = {}

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield RowsPane(id="plot")
        yield KeyBar(self.context, id="keys")

    def on_mount(self) -> None:
        self.pane.focus()
        self.take(self.rows)

    @property
    def pane(self) -> RowsPane:
        return self.query_one("#plot", RowsPane)

    @property
    def ascii_only(self) -> bool:
        return bool(getattr(self.app, "ascii_only", False))

    def targets(self) -> tuple[RunRow, ...]:
        row = self.row
        return (row,) if row is not None else tuple(row for row in self.rows if row.row_id in self.lit)

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor."""
        return self.rows[self.at] if 0 <= self.at < len(self.rows) else None

    # Reading --------------------------------------------------------------------

    async def read(self) -> None:
        if self._reads:
            try:
                found = (await self.services.runs()).rows[:MOST_RUNS]
            except EdmError as error:
                self.fault = f"! {error.message}"
                self.draw_runs()
                return
            self.fault = ""
            known = {row.row_id for row in found}
            self.take((*found, *(row for row in self.rows if row.row_id in self.lit and row.row_id not in known)))

    def take(self, rows: Sequence[RunRow]) -> None:
        """These are the runs now; the cursor stays on its run."""
        under = self.row.row_id if self.row is not None else ""
        self.rows = tuple(row for row in rows if row.params or row.metrics)
        self.at = next((at for at, row in enumerate(self.rows) if row.row_id == under), -1)
        self.fields = {
            field.name: replace(field, log=self._logs.get(field.name, field.log)) for field in fields_of(self.rows)
        }
        if self.y not in self.fields:
            primary = self.services.workspace.settings.metrics.primary
            metrics = [name for name, field in self.fields.items() if field.kind == METRIC]
            self.y = primary if primary in metrics else next(iter(metrics), "")
        self.draw_runs()

    # Drawing --------------------------------------------------------------------

    def draw_runs(self) -> None:
        """Bring the chart, the lines below it and the status line up to date."""
        raise NotImplementedError

    def on_rows_pane_resized(self) -> None:
        self.draw_runs()

    def shining(self) -> tuple[list[Lit], list[str]]:
        """The runs in colour, the one under the cursor last, and their colours."""
        places = {row.row_id: at for at, row in enumerate(self.rows)}
        under = self.row.row_id if self.row is not None else ""
        ids = [id_ for id_ in self.lit if id_ in places and id_ != under] + ([under] if under else [])
        return [Lit(places[id_], run_mark(id_)) for id_ in ids], [run_colour(id_) for id_ in ids]

    def importance(self) -> list[Importance]:
        """Of the params for the metric on y."""
        metric = self.fields.get(self.y)
        params = [field for field in self.fields.values() if field.kind == PARAM and field.varies]
        return importances(params, metric) if metric is not None else []

    def importance_lines(self, room: int, most: int) -> list[Text]:
        """One line for each param, under a heading."""
        lines = [Text(f" rank correlation with {clean(self.y)}", style="bold", end="")]
        for one in self.importance()[: max(1, most - 1)]:
            bar = "▇" * round(abs(one.strength) * 8)
            sign = "±" if one.words else "+" if one.strength >= 0 else "−"
            name = clean(one.name)[: room - 26].ljust(min(16, room - 26))
            lines.append(Text(f" {name} {sign}{abs(one.strength):.2f} {bar:<8} {one.runs} runs", end=""))
        if len(lines) == 1:
            lines.append(Text(" too few runs, or no param differs", style="dim", end=""))
        return lines

    def foot(self, names: Sequence[str]) -> Text:
        """The run under the cursor and its values, or who is lit."""
        line = Text(" ", end="")
        row = self.row
        if row is None:
            for one in [row for row in self.rows if row.row_id in self.lit]:
                line.append(f"{run_mark(one.row_id)} ", style=run_colour(one.row_id))
                line.append(f"{clean(one.name)}   ")
            return line if line.plain.strip() else Text(" j k: the runs one by one", style="dim", end="")
        line.append(f"{run_mark(row.row_id)} ", style=run_colour(row.row_id))
        line.append(clean(row.name), style="bold")
        for name in names:
            value = self.fields[name].values[self.at]
            shown = "–" if value is None else number(value) if isinstance(value, float) else clean(value)
            line.append(f"   {clean(name)} {shown}")
        return line

    def say(self) -> None:
        self.query_one("#keys", KeyBar).update_keys(self.reason)

    # Moving ---------------------------------------------------------------------

    def order(self) -> list[int]:
        """Places of the runs in the order in which the cursor goes through them: by y, those without it last."""
        field = self.fields.get(self.y)
        places = field.places() if field is not None else (None,) * len(self.rows)
        return sorted(range(len(self.rows)), key=lambda at: (places[at] is None, places[at] or 0.0))

    def go(self, step: int, order: Sequence[int]) -> None:
        """Put the cursor on the run that is `step` further in this order."""
        if not order:
            return
        place = order.index(self.at) + step if self.at in order else (0 if step > 0 else len(order) - 1)
        self.at = order[min(max(place, 0), len(order) - 1)]
        self.draw_runs()

    def do_down(self) -> None:
        self.go(1, self.order())

    def do_up(self) -> None:
        self.go(-1, self.order())

    def do_page_down(self) -> None:
        self.go(10, self.order())

    def do_page_up(self) -> None:
        self.go(-10, self.order())

    def do_top(self) -> None:
        self.go(-len(self.rows), self.order())

    def do_bottom(self) -> None:
        self.go(len(self.rows), self.order())

    def do_back(self) -> None:
        """Step out one layer: the cursor, the screen."""
        if self.at >= 0:
            self.at = -1
            self.draw_runs()
        else:
            super().do_back()

    def reason(self, verb: str) -> str:
        if verb in ("open", "mark"):
            return "" if self.row is not None else "no run under the cursor: j k"
        return super().reason(verb)

    def do_open(self) -> None:
        """Charts of the run under the cursor."""
        self.host.open_view("charts", self.targets())

    def do_mark(self) -> None:
        """Light the run under the cursor, or put it out."""
        row = self.row
        if row is not None:
            self.lit = [id_ for id_ in self.lit if id_ != row.row_id] + [row.row_id] * (row.row_id not in self.lit)
            self.draw_runs()

    # Axes -----------------------------------------------------------------------

    def toggle_log(self, name: str) -> None:
        """This axis linear or logarithmic."""
        field = self.fields.get(name)
        if field is None or not field.numeric:
            self.notify("words have no logarithm", severity="warning", markup=False)
            return
        self._logs[name] = not field.log
        self.fields[name] = replace(field, log=not field.log)
        self.draw_runs()

    def pick_field(self, title: str, current: str, kinds: Sequence[str], taken: Callable[[str], None]) -> None:
        """Ask for a param or metric by name."""
        options = [Option(field.name, field.name, field.kind) for field in self.fields.values() if field.kind in kinds]

        def answered(picked: Picked | None) -> None:
            if picked is not None:
                taken(picked.key)
                self.draw_runs()

        self.app.push_screen(PickDialog(title, options, at=current), answered)

    def do_axis_y(self) -> None:
        def taken(name: str) -> None:
            self.y = name

        self.pick_field("The y axis", self.y, (PARAM, METRIC), taken)
