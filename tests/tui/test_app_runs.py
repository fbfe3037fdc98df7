"""The Runs screen: loading, filter, marks, detail, reasons, and what the verbs ask for."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from edm_core.errors import ActionError, StoreError
from edm_core.settings import Settings, TuiSettings
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.workspace import Workspace
from edm_tui.app import EdmApp
from edm_tui.dialogs.by_name import ByNameDialog
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.help import HelpDialog
from edm_tui.dialogs.menu import MenuDialog
from edm_tui.messages import ActionFinished, StoreChanged
from edm_tui.screens.runs import RunsScreen
from edm_tui.widgets.filter_bar import FilterBar
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.run_detail import DetailPane
from edm_tui.widgets.status_line import StatusLine
from tests.support.rows import NOW, QuietServices, a_metric, a_row, a_snapshot, an_app

WIDE = (200, 30)


def runs(app: EdmApp) -> RunsScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, RunsScreen)
    return screen


def names(app: EdmApp) -> list[str]:
    return [row.name for row in runs(app).table.rows]


def cursor(app: EdmApp) -> str:
    row = runs(app).table.row
    return row.name if row is not None else ""


def status(app: EdmApp) -> str:
    return runs(app).query_one(StatusLine).text


def some_rows() -> list[RunRow]:
    return [
        a_row("cnn_lr3", metrics={"val_loss": a_metric(0.5, 0.3), "odd/loss": a_metric(1.0)}, params={"epochs": "50"}),
        a_row("mert_base", data_state=DataState.PUSHED, model="v3 Production", tags={"mlflow.note.content": "the one"}),
        a_row("cnn_aug", data_state=DataState.KEPT),
    ]


async def settled(pilot: Pilot[None]) -> None:
    """Wait until no worker runs; those that another one replaced count as done."""
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.pause(0.01)
    await pilot.pause()


async def test_the_first_frame_holds_the_rows_that_were_read_before(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE):
        assert names(app) == ["cnn_lr3", "mert_base", "cnn_aug"]
        assert "3 runs" in status(app)
        assert "sqlite:mlflow.db" in status(app)


async def test_a_new_run_by_another_process_shows_up_and_the_cursor_stays(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows(), token=0)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("j")
        services.rows = [a_row("brand_new"), *some_rows()]
        services.token = 1
        app._poll()
        await settled(pilot)
        assert names(app)[0] == "brand_new"
        assert cursor(app) == "mert_base"


async def test_a_failed_refresh_keeps_the_rows_and_says_why(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        services.rows = StoreError("mlflow.db is locked", "Try again.")
        await pilot.press("r")
        await settled(pilot)
        assert len(names(app)) == 3
        assert runs(app).table.stale
        assert "mlflow.db is locked (Try again.)" in status(app)
        await pilot.press("r")
        await settled(pilot)
        told = [one.message for one in app._notifications]
        assert told == ["mlflow.db is locked\nhint: Try again."]
        services.rows = some_rows()
        await pilot.press("r")
        await settled(pilot)
        assert not runs(app).table.stale
        assert "locked" not in status(app)


async def test_a_long_reason_why_there_are_no_rows_is_told_whole(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, [])
    services.rows = StoreError("the server does not answer: " + "very " * 40 + "long", "Is it up?")
    app._first = services.rows
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        table = runs(app).table
        text = " ".join(table.render_line(y).text.strip() for y in range(2, 12))
        assert "the server does not answer" in text
        assert "long (Is it up?)" in text


@pytest.mark.parametrize("key", ["space", "enter", "y", "s"])
async def test_a_key_that_needs_a_run_says_so_where_there_is_none(tmp_path: Path, key: str) -> None:
    app, _ = an_app(tmp_path, [])
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert any("no run" in one.message for one in app._notifications)


async def test_the_filter_narrows_live_owns_printable_keys_and_esc_clears_it(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash", "c", "n", "n")
        assert names(app) == ["cnn_lr3", "cnn_aug"]
        await pilot.press("space", "K", "q")
        assert names(app) == []
        await pilot.press("backspace", "backspace", "backspace", "enter")
        assert not app.screen.query(FilterBar)
        assert names(app) == ["cnn_lr3", "cnn_aug"]
        assert "2 shown: cnn (esc clears)" in status(app)
        await pilot.press("escape")
        assert len(names(app)) == 3
        assert services.asked == []


async def test_the_detail_follows_the_cursor_without_enter(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        pane = runs(app).query_one(DetailPane)
        await settled(pilot)
        assert "cnn_lr3" in pane.text
        assert "odd/loss" in pane.text
        assert "epochs 50" in pane.text
        await pilot.press("j")
        assert "the one" in pane.text
        assert "v3 Production" in pane.text
        await settled(pilot)
        assert "metadata.yaml" in pane.text


@pytest.mark.parametrize("columns", [120, 200])
async def test_the_pane_beside_the_table_has_room_for_every_curve(tmp_path: Path, columns: int) -> None:
    metrics = {name: a_metric(0.31, 0.2, 0.25) for name in ("val_loss", "boundary_f1_05", "baseline_boundary_f1_05")}
    app, _ = an_app(tmp_path, [a_row("curved", metrics=metrics)])
    async with app.run_test(size=(columns, 50)) as pilot:
        await settled(pilot)
        pane = runs(app).query_one(DetailPane)
        lines = [pane.render_line(y).text for y in range(pane.size.height)]
        assert sum("0.2500 0.2000 @2  █▁▄" in line for line in lines) == 3
        assert any(line.split() == ["metrics", "last", "best"] for line in lines)


async def test_a_narrow_footer_shows_what_can_be_done_first(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, [a_row("kept", data_state=DataState.PUSHED, model="v1")])
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        text = runs(app).query_one(KeyBar).render_line(0).text
        assert text.split("  ")[:4] == [" n new", "D discard", "t tail", "d diff"]
        assert "keep" not in text.lower()


async def test_narrow_the_detail_opens_in_place_and_esc_returns(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = runs(app)
        assert (screen.table.display, screen.pane.display) == (True, False)
        await pilot.press("enter")
        assert (screen.table.display, screen.pane.display) == (False, True)
        await pilot.press("escape")
        assert (screen.table.display, screen.pane.display) == (True, False)


async def test_a_verb_that_cannot_run_stays_visible_with_its_reason(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, [a_row("bare", run_dir="", data_state=DataState.NONE), *some_rows()])
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        bar = runs(app).query_one(KeyBar)
        assert bar.items["keep"] == "no folder"
        assert bar.items["undo"] == "nothing to undo"
        await pilot.press("K")
        assert services.asked == []
        assert any("no folder" in one.message for one in app._notifications)
        await pilot.press("j")
        assert bar.items["keep"] == ""


async def test_keep_names_its_target_at_the_key_press_and_says_what_came_of_it(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    services.outcome = Outcome("kept cnn_lr3", "1.8 MB")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("K", "j")
        await settled(pilot)
        assert services.asked == [("keep", "id-cnn_lr3")]
        assert any("kept cnn_lr3" in one.message for one in app._notifications)


async def test_an_action_that_fails_shows_message_and_hint(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    services.outcome = ActionError("git is in a merge", "git merge --abort")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("K")
        await settled(pilot)
        (shown,) = app._notifications
        assert "git is in a merge" in shown.message
        assert "hint: git merge --abort" in shown.message
        assert shown.severity == "error"


async def test_the_cursor_goes_to_the_run_that_was_launched_here_once(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows(), token=0)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("j")
        runs(app).finished(ActionFinished("new", Outcome("Launched job j1", data={"id": "j1"})))
        job = JobSnapshot("j1", "running", "cnn_new", (), created=NOW)
        services.rows = [a_row("brand_new"), replace(a_row("cnn_new"), job=job), *some_rows()]
        runs(app).stores_changed(StoreChanged(("runs",)))
        await settled(pilot)
        assert cursor(app) == "cnn_new"
        await pilot.press("j")
        runs(app).stores_changed(StoreChanged(("runs",)))
        await settled(pilot)
        assert cursor(app) == "cnn_lr3"


async def test_marks_make_a_batch_of_the_runs_that_fit(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("space", "j", "space", "j", "space", "K")
        await settled(pilot)
        assert services.asked == [("keep", "id-cnn_lr3")]
        await pilot.press("escape", "P")
        await settled(pilot)
        assert services.asked[1:] == [("push", "id-cnn_aug")]


async def test_a_pushed_run_can_be_pushed_while_commits_are_only_here(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, [a_row("there", data_state=DataState.PUSHED)])
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert runs(app).reason("push") == "on the remote"
        services.branch_text = "main ↑1"
        await pilot.press("P")
        await settled(pilot)
        assert services.asked == [("push", "id-there")]


async def test_discarding_what_is_registered_asks_twice_and_the_second_time_by_name(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("j", "D")
        assert isinstance(app.screen, ConfirmDialog)
        assert "mert_base" in app.screen.text
        assert "v3 Production" in app.screen.text
        await pilot.press("escape")
        assert services.asked == []
        await pilot.press("D", "enter")
        assert isinstance(app.screen, ByNameDialog)
        await pilot.press(*"mert", "enter")
        assert isinstance(app.screen, ByNameDialog)
        assert services.asked == []
        await pilot.press(*"_base", "enter")
        await settled(pilot)
        assert services.asked == [("discard", "id-mert_base", "--force", "--yes-really", "mert_base")]


async def test_the_question_before_a_discard_names_the_bytes(tmp_path: Path) -> None:
    rows = [a_row("one", data_state=DataState.KEPT), a_row("two", data_state=DataState.KEPT)]
    app, _ = an_app(tmp_path, rows)
    for row, bytes_here in zip(rows, (1_500_000, 300_000), strict=True):
        (tmp_path / row.run_dir).mkdir(parents=True)
        (tmp_path / row.run_dir / "best.pt").write_bytes(bytes(bytes_here))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("space", "j", "space", "D")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmDialog)
        assert app.screen.text.splitlines()[-1] == "Frees 1.8 MB once the trash is purged."


async def test_discarding_an_unkept_run_asks_nothing(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("D")
        await settled(pilot)
        assert services.asked == [("discard", "id-cnn_lr3")]


@pytest.mark.parametrize("verb", ["K", "D"])
async def test_a_running_run_is_neither_kept_nor_discarded(tmp_path: Path, verb: str) -> None:
    app, services = an_app(tmp_path, [a_row("busy", status="RUNNING", end_ms=None)])
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press(verb)
        await settled(pilot)
        assert services.asked == []
        assert any("still running" in one.message for one in app._notifications)


async def test_undo_says_what_it_would_undo(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    services.undoable = "keep cnn_aug"
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        bar = runs(app).query_one(KeyBar)
        assert "undo keep cnn_aug" in bar.render_line(0).text
        await pilot.press("z")
        await settled(pilot)
        assert services.asked == [("undo",)]


async def test_copy_offers_id_path_and_values(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("y")
        assert isinstance(app.screen, MenuDialog)
        values = {choice.label.split()[0]: choice.value for choice in app.screen.choices}
        assert values["val_loss"] == "0.3"
        await pilot.press("1")
        assert app.clipboard == "id-cnn_lr3"


async def test_sort_pane_and_help_keys(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("s", "enter")
        assert names(app) == ["cnn_aug", "cnn_lr3", "mert_base"]
        before = runs(app).pane.size.width
        await pilot.press("plus")
        assert runs(app).pane.size.width > before
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpDialog)
        text = "\n".join(line.plain for line in app.screen.lines)
        assert "Keep: dvc add, git commit, MLflow tags." in text
        assert "Push the run's data, then git. — not now: not kept" in text
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_the_palette_finds_every_verb(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("colon", *"keep dvc")
        await settled(pilot)
        await pilot.press("enter", "enter")
        await settled(pilot)
        assert services.asked == [("keep", "id-cnn_lr3")]


async def test_ctrl_c_does_not_quit_and_q_does(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+c")
        assert any("q quits" in one.message for one in app._notifications)
        assert app.is_running
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_query_is_answered_by_the_store_and_esc_takes_it_away(tmp_path: Path) -> None:
    app, services = an_app(tmp_path, some_rows())
    services.documents = {("runs", "list", "--filter", "user_id = 'ana'"): {"runs": [{"run_id": "id-cnn_lr3"}]}}
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("f", *"user_id = 'ana'", "enter")
        await settled(pilot)
        assert names(app) == ["cnn_lr3"]
        assert "1 shown: user_id = 'ana' (esc clears)" in status(app)
        await pilot.press("slash", "x", "enter")
        assert names(app) == []
        await pilot.press("escape")
        assert names(app) == ["cnn_lr3"]
        await pilot.press("escape")
        assert len(names(app)) == 3


async def test_a_query_that_cannot_be_read_says_so_and_changes_nothing(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("f", *"user_id = 'ana'", "enter")
        await settled(pilot)
        assert len(names(app)) == 3
        assert any("cannot read" in one.message for one in app._notifications)


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (80, 24), (109, 30), (149, 40), (300, 80)])
async def test_every_size_can_be_used(tmp_path: Path, size: tuple[int, int]) -> None:
    app, _ = an_app(tmp_path, some_rows() * 30)
    async with app.run_test(size=size) as pilot:
        await pilot.press(
            "j", "G", "enter", "j", "escape", "right", "space", "question_mark", "escape", "plus", "underscore"
        )
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert runs(app).table.row is not None


async def test_ascii_mode_sends_ascii_alone(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, some_rows(), ascii_only=True)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("space", "question_mark")
        await settled(pilot)
        lines = [strip.text for strip in app.screen._compositor.render_strips()]
        assert all(line.isascii() for line in lines)
        assert any("|" in line for line in lines)


@pytest.mark.parametrize("theme", ["edm-light", "edm-dark", "nonsense"])
async def test_every_theme_starts(tmp_path: Path, theme: str) -> None:
    workspace = Workspace(tmp_path, Settings(tui=TuiSettings(theme=theme)))
    app = EdmApp(workspace, a_snapshot(some_rows()))
    app.services = QuietServices(workspace, some_rows())
    async with app.run_test(size=WIDE):
        assert names(app)
        assert app.theme == (theme if theme.startswith("edm-") else "edm-dark")


async def test_the_detail_of_a_running_run_says_how_long_it_takes_yet(tmp_path: Path) -> None:
    job = JobSnapshot("j", "running", "t", (), NOW, NOW - 100, progress=Progress(NOW, 26, 50), note="its log is full")
    app, _ = an_app(tmp_path, [a_row("busy", status="RUNNING", end_ms=None, job=job)])
    async with app.run_test(size=WIDE):
        assert "▶ 26/50 · 1h00 · 1m to go · its log is full" in runs(app).query_one(DetailPane).text
