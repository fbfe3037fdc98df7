"""The run table alone: cursor and marks by run id, columns, sorting, and how little it repaints."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from textual.app import App, ComposeResult

from edm_core.settings import MetricsSettings, Settings, TuiSettings
from edm_core.snapshots.jobs import Alarm, JobSnapshot, Progress
from edm_core.snapshots.runs import DataState, MetricSummary, RunRow
from edm_core.table.fields import read_field
from edm_core.table.frame import Frame
from edm_core.table.groups import arrange
from edm_core.table.view import Shown, SortKey, View
from edm_tui import run_cells
from edm_tui.messages import HeaderClicked, RunHighlighted
from edm_tui.run_cells import Look
from edm_tui.widgets.run_table import RunTable
from tests.support.rows import NOW, a_metric, a_row

SETTINGS = Settings(metrics=MetricsSettings(columns=("boundary_f1",)), tui=TuiSettings(params=("learning_rate",)))
NEWEST = View()
LOOK = Look(NOW, metrics=SETTINGS.metrics)


class TableApp(App[None]):
    """One table; `highlighted` has what it said."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self._rows = rows
        self.highlighted: list[str] = []
        self.clicked: list[tuple[str, bool]] = []

    def compose(self) -> ComposeResult:
        yield RunTable(SETTINGS)

    def on_mount(self) -> None:
        self.show(self._rows)

    def show(self, rows: Sequence[RunRow], view: View = NEWEST, turned: frozenset[str] = frozenset()) -> None:
        self.table.show(arrange(Frame(rows, SETTINGS.metrics), view, None, turned), view, LOOK)

    @property
    def table(self) -> RunTable:
        return self.query_one(RunTable)

    def on_header_clicked(self, message: HeaderClicked) -> None:
        self.clicked.append((message.name, message.further))

    def on_run_highlighted(self, message: RunHighlighted) -> None:
        self.highlighted.append(message.row_id)

    def text(self, y: int) -> str:
        return self.table.render_line(y).text


def many(count: int) -> list[RunRow]:
    return [a_row(f"run{number:03}", metrics={"val_loss": a_metric(1.0, number / 100)}) for number in range(count)]


async def test_the_cursor_follows_its_run_through_every_change_of_the_rows() -> None:
    rows = many(10)
    app = TableApp(rows)
    async with app.run_test(size=(120, 20)) as pilot:
        app.table.move(4)
        assert app.table.cursor_id == "id-run004"
        app.show([a_row("newer"), *reversed(rows)])
        assert app.table.row is not None
        assert app.table.row.name == "run004"
        app.show([row for row in rows if row.name != "run004"])
        # Its run is gone: the one in its place is next.
        assert app.table.row.name == "run007"
        await pilot.pause()
        assert app.highlighted == ["id-run000", "id-run004", "id-run007"]
        app.show([])
        assert app.table.row is None


async def test_marks_are_kept_by_run_and_in_the_order_of_marking() -> None:
    rows = many(5)
    app = TableApp(rows)
    async with app.run_test(size=(120, 20)):
        app.table.move(3)
        app.table.toggle_mark()
        app.table.move_to(0)
        app.table.toggle_mark()
        assert [row.name for row in app.table.marked()] == ["run003", "run000"]
        app.show(rows[1:])
        assert [row.name for row in app.table.marked()] == ["run003"]
        app.show(list(reversed(rows)))
        assert [row.name for row in app.table.marked()] == ["run003", "run000"]
        app.table.move_to(4)
        app.table.toggle_mark()
        assert [row.name for row in app.table.marked()] == ["run003"]


async def test_a_column_is_shown_whole_or_not_at_all() -> None:
    rows = [a_row("cnn", metrics={"val_loss": a_metric(0.5, 0.3), "boundary_f1": a_metric(0.8113)})]
    for width in range(20, 160, 3):
        app = TableApp(rows)
        async with app.run_test(size=(width, 10)) as pilot:
            await pilot.pause()
            header, line = (app.table.draw_line(y).text for y in (0, 1))
            assert ("0.8113" in line) == ("boundary_f1" in header), width
            assert "0.811" not in line.replace("0.8113", ""), width
            assert header.endswith("›") == (not app.table._fits_all()), width


async def test_moving_in_view_draws_two_lines_and_an_edge_scrolls_half_a_page() -> None:
    app = TableApp(many(100))
    async with app.run_test(size=(120, 21)) as pilot:
        await pilot.pause()
        drawn: list[int] = []
        draw = app.table.draw_line
        app.table.draw_line = lambda y: drawn.append(y) or draw(y)  # type: ignore[method-assign, func-returns-value]
        app.table.move(1)
        assert drawn == [1, 2]
        app.table.move(18)
        assert "run000" in app.text(1)
        app.table.move(1)
        assert "run010" in app.text(1)
        assert app.table.cursor_id == "id-run020"


async def test_a_hundred_thousand_rows_draw_only_what_is_in_view() -> None:
    app = TableApp(many(100_000))
    async with app.run_test(size=(120, 21)) as pilot:
        await pilot.pause()
        drawn: list[int] = []
        draw = app.table.draw_line
        app.table.draw_line = lambda y: drawn.append(y) or draw(y)  # type: ignore[method-assign, func-returns-value]
        app.table.move_to(99_999)
        await pilot.pause()
        assert 0 < len(drawn) <= 2 * 21


def by(*names: str) -> View:
    """A view sorted by these fields, those with a `-` before them largest first."""
    return View(sort=tuple(SortKey(read_field(name.removeprefix("-")), name.startswith("-")) for name in names))


async def test_the_header_shows_each_key_of_the_order_its_direction_and_its_number() -> None:
    rows = many(3)
    app = TableApp(rows)
    async with app.run_test(size=(160, 20)):
        app.show(rows, by("metric:val_loss"))
        assert "val_loss ▴ " in app.text(0)
        app.show(rows, by("-best:val_loss", "name"))
        assert "best @step ▾1" in app.text(0)
        assert "run ▴2" in app.text(0)
        app.show(rows, by("data"))
        assert "data ▴" in app.text(0)


async def test_chosen_columns_come_in_their_order_and_width_and_the_name_stays_first() -> None:
    rows = [a_row("cnn", params={"lr": "0.003"}, tags={"kind": "a very long kind of run indeed"}, user="me")]
    view = View(columns=tuple(Shown(read_field(name)) for name in ("tag:kind", "param:lr", "user")))
    app = TableApp(rows)
    async with app.run_test(size=(120, 10)):
        app.show(rows, view)
        assert app.text(0).split() == ["run", "kind", "lr", "user"]
        app.show(rows, View(columns=(Shown(read_field("name"), 20), Shown(read_field("tag:kind"), 9))))
        assert app.text(0).startswith("  run                   kind")
        assert "a very l…" in app.text(1)


async def test_the_best_cell_of_each_metric_is_marked_and_the_others_are_compared() -> None:
    rows = [
        a_row("a", metrics={"val_loss": a_metric(0.5, 0.2, 0.4), "acc": a_metric(0.9)}),
        a_row("b", metrics={"val_loss": a_metric(0.5, 0.3), "acc": a_metric(0.8)}),
    ]
    names = ("metric:val_loss", "best:val_loss", "step:val_loss", "delta:val_loss", "metric:acc", "spark:val_loss")
    view = View(columns=tuple(Shown(read_field(name)) for name in names))
    app = TableApp(rows)
    async with app.run_test(size=(160, 10)):
        app.table.show(arrange(Frame(rows, SETTINGS.metrics), view), view, Look(NOW, rows[0], SETTINGS.metrics))
        assert app.text(0).split() == [
            "run",
            "val_loss",
            "best",
            "@step",
            "@val_loss",
            "Δ",
            "val_loss",
            "acc",
            "val_loss",
        ]
        assert app.text(1).split() == [
            "a",
            "0.4000",
            "█▁▆",
            "★",
            "0.2000",
            "@2",
            "2",
            "baseline",
            "★",
            "0.9000",
            "▃",
            "█▁▆",
        ]
        assert app.text(2).split() == [
            "b", "★", "0.3000", "█▁", "0.3000", "@2", "2", "+", "0.1000", "worse", "0.8000", "▃", "█▁"
        ]  # fmt: skip


async def test_groups_fold_and_say_number_mean_and_best() -> None:
    rows = [
        a_row(f"r{number}", params={"lr": lr}, metrics={"val_loss": a_metric(loss + 0.1, loss, loss + 0.2)})
        for number, (lr, loss) in enumerate((("0.1", 0.2), ("0.01", 0.5), ("0.1", 0.4), ("0.01", 0.1)))
    ]
    view = View(columns=tuple(map(Shown, map(read_field, ("metric:val_loss", "best:val_loss")))), group="param:lr")
    app = TableApp([])
    async with app.run_test(size=(120, 12)):
        app.show(rows, view)
        assert app.text(0).split()[:3] == ["run", "by", "lr"]
        assert app.text(1).split() == ["▸", "0.01", "n", "2", "0.5000", "mean", "★", "0.1000", "best"]
        assert app.text(2).split() == ["▸", "0.1", "n", "2", "0.5000", "mean", "0.2000", "best"]
        assert app.table.row is None
        assert app.table.fold_id == "group:param:lr=0.01"
        app.show(rows, view, frozenset({"group:param:lr=0.01"}))
        assert [app.text(y).split()[0] for y in (1, 2, 3, 4)] == ["▾", "r1", "r3", "▸"]
        app.table.move(2)
        assert app.table.fold_id == "group:param:lr=0.01"
        app.show(rows, view)
        # The run is folded away: the cursor is on its group.
        assert app.table.cursor_id == "group:param:lr=0.01"
        app.table.toggle_mark()
        assert {row.name for row in app.table.marked()} == {"r1", "r3"}
        app.table.toggle_mark()
        assert not app.table.marks


def child(name: str, parent: str) -> RunRow:
    return a_row(name, tags={"mlflow.parentRunId": f"id-{parent}"})


async def test_children_stand_below_their_parent_and_fold() -> None:
    rows = [child("leaf", "twig"), a_row("other"), child("twig", "root"), a_row("root"), child("lost", "gone")]
    app = TableApp(rows)
    async with app.run_test(size=(120, 12)):
        app.show(rows)
        assert [app.text(y)[2:13].rstrip(" d") for y in range(1, 6)] == [
            "  other", "▾ root", "  ▾ twig", "      leaf", "  lost"
        ]  # fmt: skip
        app.table.go_to("id-leaf")
        app.show(rows, turned=frozenset({"id-root"}))
        assert [app.text(y)[2:13].rstrip(" d") for y in range(1, 4)] == ["  other", "▸ root", "  lost"]
        assert app.table.cursor_id == "id-root"


async def test_a_click_selects_a_header_sorts_and_the_wheel_scrolls() -> None:
    app = TableApp(many(100))
    async with app.run_test(size=(120, 21)) as pilot:
        await pilot.click(RunTable, offset=(5, 4))
        assert app.table.cursor_id == "id-run003"
        await pilot.click(RunTable, offset=(4, 0))
        await pilot.click(RunTable, offset=(app.text(0).index("val_loss"), 0), shift=True)
        assert app.clicked == [("name", False), ("metric:val_loss", True)]
        app.table.scroll_lines(3)
        assert "run003" in app.text(1)
        assert app.table.cursor_id == "id-run003"
        app.table.scroll_lines(3)
        assert app.table.cursor_id == "id-run006"


async def test_narrow_shows_name_state_data_and_one_metric() -> None:
    app = TableApp([a_row("cnn_lr3e-3", data_state=DataState.PUSHED, metrics={"val_loss": a_metric(0.5, 0.25)})])
    async with app.run_test(size=(80, 24)):
        for word in ("cnn_lr3e-3", "done", "✓", "0.2500 █▁"):
            assert word in app.text(1)


async def test_columns_scroll_and_the_name_stays() -> None:
    app = TableApp([a_row("cnn", params={"learning_rate": "0.003"}, metrics={"val_loss": a_metric(0.5)})])
    async with app.run_test(size=(60, 10)):
        assert "learning_rate" not in app.text(0)
        for _ in range(20):
            app.table.scroll_columns(1)
        assert app.text(0).split() == ["run", *app.text(0).split()[1:]]
        assert "learning_rate" in app.text(0)
        assert app.text(1).split()[0] == "cnn"
        assert "3e-3" in app.text(1)


async def test_text_from_outside_is_shown_plainly() -> None:
    app = TableApp(
        [a_row("evil\x1b[31m\nname[bold]", model="v1 \x07Production", params={"learning_rate": "\x1b]0;x\x07"})]
    )
    async with app.run_test(size=(160, 10)):
        assert "\x1b" not in app.text(1)
        assert "\x07" not in app.text(1)
        assert "evil?[31m name[bold]" in app.text(1)


JOB = JobSnapshot("j", "running", "t", ("edm",), NOW - 100, NOW - 90, progress=Progress(NOW, 7, 50))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": "RUNNING", "job": JOB}, "▶ 7/50"),
        ({"status": "RUNNING", "job": JobSnapshot("j", "queued", "t", (), NOW)}, "queued"),
        ({"status": "RUNNING", "job": JobSnapshot("j", "lost", "t", (), NOW)}, "died"),
        ({"status": "RUNNING", "job": JobSnapshot("j", "running", "t", (), NOW, silent_since=NOW - 840)}, "silent 14m"),
        ({"status": "RUNNING"}, "▶ running"),
        ({"status": "RUNNING", "metrics": {"loss": MetricSummary(math.nan, 3, 0.5, 1)}}, "▶ !nan"),
        (
            {"status": "RUNNING", "job": replace(JOB, alarms=(Alarm("flat", "x"), Alarm("disk", "y")))},
            "▶ 7/50 !flat !disk",
        ),
        ({"status": "FINISHED", "job": JobSnapshot("j", "done", "t", (), NOW)}, "done"),
        ({"status": "FAILED"}, "failed"),
        ({"status": "KILLED"}, "killed"),
        ({"status": "", "run_id": ""}, "no run"),
    ],
)
def test_what_a_run_does_now(fields: dict[str, object], text: str) -> None:
    assert run_cells.state_text(a_row("r", **fields), NOW) == text
