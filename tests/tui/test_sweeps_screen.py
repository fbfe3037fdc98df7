"""The Sweeps screen and the form for a sweep: what they show, and the commands that they ask for."""

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from edm_core.files import write_json
from edm_core.snapshots.runs import RunRow
from edm_core.snapshots.sweeps import SweepSnapshot, Trial
from edm_core.sweeps.spec import SweepSpec, check_spec, create_sweep
from edm_core.workspace import Workspace
from edm_tui.dialogs.launch import LaunchDialog
from edm_tui.screens.parallel import ParallelScreen
from edm_tui.screens.sweep_form import sweep_plan
from edm_tui.screens.sweeps import SweepsScreen, best_words, sweep_lines
from tests.support.tui_host import HostApp, a_workspace

NOW = dt.datetime(2026, 11, 23, 17, 12, 3)
TRIALS = (
    Trial(0, "done", {"lr": "0.1"}, "j0", "r0", "hunt_t000", 0.5, 3),
    Trial(1, "done", {"lr": "0.2"}, "j1", "r1", "hunt_t001", 0.25, 2),
    Trial(2, "failed", {"lr": "0.3"}, "j2"),
    Trial(3, "running", {"lr": "[bold]0.4"}, "j3"),
)
SWEEP = SweepSnapshot("hunt", "running", "val_loss", True, 9, trials=TRIALS)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = a_workspace(tmp_path)
    spec = SweepSpec("hunt", {"learning_rate": "0.1,0.2"}, "val_loss", True, 9)
    folder = create_sweep(made, check_spec(made, spec))
    write_json(folder / "trials.json", {"trials": [asdict(trial) for trial in TRIALS]})
    return made


@pytest.fixture
def app(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> HostApp:
    rows = {name: RunRow(name, f"run {name}", params={"lr": name}) for name in ("r0", "r1")}
    monkeypatch.setattr("edm_core.stores.runs.load_rows", lambda workspace, ids: tuple(rows[one] for one in ids))
    return HostApp(workspace, lambda: SweepsScreen(()))


async def settled(app: HostApp, pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


def test_running_trials_come_first_and_then_the_best() -> None:
    lines = sweep_lines(SWEEP)
    assert [line.key for line in lines] == ["hunt", "hunt/3", "hunt/1", "hunt/0", "hunt/2"]
    assert "3/9 trials" in lines[0].text.plain
    assert "★    1  done" in lines[2].text.plain
    assert "[bold]0.4" in lines[1].text.plain
    assert best_words(SWEEP) == "best val_loss 0.2500 by trial 1: lr=0.2"


async def test_the_screen_shows_trials_and_stops_and_continues_sweeps(app: HostApp) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(app, pilot)
        screen = app.screen
        assert isinstance(screen, SweepsScreen)
        assert "best val_loss 0.2500 by trial 1" in screen.status_text()
        # Nobody drives it here: it can go on, and there is nothing to stop.
        assert (screen.reason("stop"), screen.reason("continue_sweep")) == ("the sweep is stopped", "")
        await pilot.press("C")
        await pilot.pause()
        assert app.requests[-1].argv == ("sweep", "--resume", "hunt")
        await pilot.press("j")
        await pilot.pause()
        assert screen.trial is not None
        assert screen.trial.number in (1, 3)
        await pilot.press("|")
        await pilot.pause()
        assert isinstance(app.screen, ParallelScreen)
        assert [row.run_id for row in app.screen.rows] == ["r0", "r1"]


async def test_the_form_says_what_is_wrong_and_makes_the_command(app: HostApp, workspace: Workspace) -> None:
    plan = sweep_plan(workspace, NOW)
    answers: list[object] = []
    async with app.run_test(size=(120, 40)) as pilot:
        form = LaunchDialog(plan)
        app.push_screen(form, answers.append)
        await settled(app, pilot)
        assert "needs values" in form.command.error
        form.query_one("#field-try", Input).value = "lr=log:1e-4:1e-1 batch_size"
        await pilot.pause()
        assert "'batch_size' is not FIELD=VALUES" in form.command.error
        form.query_one("#field-try", Input).value = "lr=log:1e-4:1e-1 batch_size=4,8"
        form.query_one("#field-set", Input).value = "epochs=3"
        form.query_one("#field-name", Input).value = "hunt"
        await pilot.pause()
        assert "there is a sweep 'hunt' already" in form.command.error
        form.query_one("#field-name", Input).value = "other"
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
    [command] = answers
    assert getattr(command, "argv", ()) == (
        "edm", "sweep", "--name", "other", "--param", "lr=log:1e-4:1e-1", "--param", "batch_size=4,8",
        "--set", "epochs=3", "--trials", "20", "--parallel", "1", "--sampler", "tpe", "--pruner", "median",
        "--metric", "val_loss",
    )  # fmt: skip
