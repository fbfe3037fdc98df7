"""The run table alone: cursor and marks by run id, columns, sorting, and how little it repaints."""

import math
from collections.abc import Sequence

import pytest
from textual.app import App, ComposeResult

from edm_core.settings import MetricsSettings, Settings, TuiSettings
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_core.snapshots.runs import DataState, RunRow
from edm_tui import columns
from edm_tui.columns import Look
from edm_tui.messages import RunHighlighted
from edm_tui.widgets.run_table import RunTable
from tests.support.rows import NOW, a_metric, a_row

SETTINGS = Settings(metrics=MetricsSettings(columns=("boundary_f1",)), tui=TuiSettings(params=("learning_rate",)))
LOOK = Look(NOW)


class TableApp(App[None]):
    """One table; `highlighted` has what it said."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self._rows = rows
        self.highlighted: list[str] = []

    def compose(self) -> ComposeResult:
        yield RunTable(SETTINGS)

    def on_mount(self) -> None:
        self.table.show(self._rows, LOOK)

    @property
    def table(self) -> RunTable:
        return self.query_one(RunTable)

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
        app.table.show([a_row("newer"), *reversed(rows)], LOOK)
        assert app.table.row is not None
        assert app.table.row.name == "run004"
        app.table.show([row for row in rows if row.name != "run004"], LOOK)
        # Its run is gone: the one in its place is next.
        assert app.table.row.name == "run007"
        await pilot.pause()
        assert app.highlighted == ["id-run000", "id-run004", "id-run007"]
        app.table.show([], LOOK)
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
        app.table.show(rows[1:], LOOK)
        assert [row.name for row in app.table.marked()] == ["run003"]
        app.table.show(list(reversed(rows)), LOOK)
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
    app = TableApp(many(20) * 5000)
    async with app.run_test(size=(120, 21)) as pilot:
        await pilot.pause()
        drawn: list[int] = []
        draw = app.table.draw_line
        app.table.draw_line = lambda y: drawn.append(y) or draw(y)  # type: ignore[method-assign, func-returns-value]
        app.table.move_to(99_999)
        await pilot.pause()
        assert 0 < len(drawn) <= 2 * 21


async def test_sorting_goes_through_the_columns_and_puts_rows_without_a_value_last() -> None:
    rows = [
        a_row("b", metrics={"val_loss": a_metric(0.5)}),
        a_row("a"),
        a_row("c", metrics={"val_loss": a_metric(0.1)}),
        a_row("d", metrics={"val_loss": a_metric(math.nan)}),
    ]
    app = TableApp(rows)
    async with app.run_test(size=(120, 20)):
        app.table.sort_next()
        app.table.show(rows, LOOK)
        assert [row.name for row in app.table.rows] == ["a", "b", "c", "d"]
        app.table.sort_name = "metric:val_loss"
        app.table.show(rows, LOOK)
        assert [row.name for row in app.table.rows] == ["c", "b", "a", "d"]
        assert "val_loss ▴" in app.text(0)
        app.table.sort_reverse = True
        app.table.show(rows, LOOK)
        assert [row.name for row in app.table.rows] == ["b", "c", "a", "d"]


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
        ({"status": "FINISHED", "job": JobSnapshot("j", "done", "t", (), NOW)}, "done"),
        ({"status": "FAILED"}, "failed"),
        ({"status": "KILLED"}, "killed"),
        ({"status": "", "run_id": ""}, "no run"),
    ],
)
def test_what_a_run_does_now(fields: dict[str, object], text: str) -> None:
    assert columns.state_text(a_row("r", **fields), NOW) == text


def test_the_best_of_a_column_follows_its_direction_and_is_marked() -> None:
    rows = [
        a_row(name, metrics={"val_loss": a_metric(loss), "boundary_f1": a_metric(f1)})
        for name, loss, f1 in (("a", 0.3, 0.5), ("b", 0.2, 0.9))
    ]
    best = columns.best_of(rows, SETTINGS)
    assert best == {"val_loss": 0.2, "boundary_f1": 0.9}
    assert columns.best_text(rows[1].metrics["val_loss"], best["val_loss"]) == "★   0.2000 @1"
    assert columns.best_text(rows[0].metrics["val_loss"], best["val_loss"]).startswith(" ")


def test_names_match_by_all_words_and_leave_out_the_banned() -> None:
    rows = [a_row("cnn_lr3"), a_row("cnn_aug"), a_row("MERT_aug")]
    assert [row.name for row in columns.matching(rows, "aug")] == ["cnn_aug", "MERT_aug"]
    assert [row.name for row in columns.matching(rows, "aug !mert")] == ["cnn_aug"]
    assert [row.name for row in columns.matching(rows, "  ")] == ["cnn_lr3", "cnn_aug", "MERT_aug"]
