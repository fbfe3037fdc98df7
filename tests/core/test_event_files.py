"""TensorBoard's event files as a source of curves: runs that MLflow never saw, resumed runs, broken files."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edm_core.cli.main import edm
from edm_core.curves.lines import Line, x_of, xs_of
from edm_core.snapshots.runs import RunRow
from edm_core.stores.event_files import event_histories, fault_of, folder_of_events, read_events
from edm_core.stores.histories import every_point, histories_of
from edm_core.workspace import Workspace
from tests.support.stores import new_workspace


def write(folder: Path, points: dict[str, list[tuple[int, float]]], suffix: str = "") -> None:
    """An event file as torch's SummaryWriter makes it: one `simple_value` for each point."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    for tag, values in points.items():
        for step, value in values:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(wall_time=1000.0 + step, step=step, summary=summary))
    writer.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    logs = made.runs_dir / "never_logged" / "logs"
    write(logs, {"train_loss": [(0, 1.0), (1, math.nan), (2, 0.5)], "val_loss": [(step, 9.0) for step in range(9)]})
    write(logs / "extra", {"lr": [(0, 0.25)]})
    return made


def row_of(workspace: Workspace, run_id: str = "") -> RunRow:
    folder = workspace.runs_dir / "never_logged"
    return RunRow(run_id, "never_logged", run_dir=folder.relative_to(workspace.root).as_posix())


def test_a_run_that_never_reached_mlflow_has_curves(workspace: Workspace) -> None:
    found = histories_of(workspace, row_of(workspace))
    assert set(found) == {"train_loss", "val_loss", "extra/lr"}
    loss = found["train_loss"]
    assert (loss.steps, loss.means, [step for step, _, _ in loss.bad]) == ((0, 2), (1.0, 0.5), [1])
    assert loss.times == (1_000_000, 1_002_000)
    again = histories_of(workspace, row_of(workspace), known=found)
    assert all(again[key] is history for key, history in found.items())
    assert [value for _, _, value in every_point(workspace, row_of(workspace), "val_loss", (3, 4))] == [9.0, 9.0]


def test_new_points_come_with_the_next_read_and_a_resumed_run_takes_the_place_of_the_old(workspace: Workspace) -> None:
    histories_of(workspace, row_of(workspace))
    write(workspace.runs_dir / "never_logged" / "logs", {"val_loss": [(8, 1.0), (9, 0.5)]}, ".resumed")
    assert histories_of(workspace, row_of(workspace))["val_loss"].means[-3:] == (9.0, 1.0, 0.5)


def test_a_cut_off_or_broken_file_gives_what_came_before(workspace: Workspace) -> None:
    folder = workspace.runs_dir / "never_logged"
    path = next((folder / "logs").glob("*tfevents*"))
    path.write_bytes(path.read_bytes()[:-7])
    found = histories_of(workspace, row_of(workspace))
    assert found["val_loss"].steps[-1] == 7
    path.write_bytes(b"this is no event file, and long enough to be read as one")
    assert "val_loss" not in histories_of(workspace, row_of(workspace))
    assert isinstance(fault_of(folder), str)


def test_a_run_of_mlflow_gets_only_what_mlflow_has_not_and_only_when_it_was_read(workspace: Workspace) -> None:
    row = row_of(workspace, "0" * 32)
    assert histories_of(workspace, row) == {}
    folder = folder_of_events(workspace, row)
    assert folder is not None
    assert read_events([folder])
    assert not read_events([folder])
    assert "val_loss" in histories_of(workspace, row)
    assert list(event_histories(folder, ["extra/lr"], 10, None, {})) == ["extra/lr"]


def test_the_reader_needs_no_torch(workspace: Workspace) -> None:
    script = (
        "import sys, io; from edm_core.stores.event_files_child import main;"
        "main(sys.argv[1:], io.BytesIO()); print('torch' in sys.modules, 'mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(workspace.runs_dir / "never_logged")], capture_output=True, text=True
    )
    assert done.stdout == "False False\n", done.stderr


def test_the_command_line_draws_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    done = CliRunner().invoke(edm, ["runs", "plot", "never_logged", "--metric", "val_loss"], catch_exceptions=False)
    assert done.exit_code == 0
    assert any(0x2800 < ord(char) <= 0x28FF for char in done.stdout)


def test_epochs_are_those_that_were_logged_and_else_the_steps() -> None:
    from edm_core.curves.history import from_points

    epochs = from_points([(0, 0, 0.0), (100, 0, 1.0), (200, 0, 2.0)])
    history = from_points([(0, 0, 5.0), (50, 0, 4.0), (200, 0, 3.0), (250, 0, 2.0)])
    assert list(xs_of(Line("a", history, epochs=epochs), "epoch")) == [0.0, 0.5, 2.0, 2.0]
    assert list(xs_of(Line("a", history), "epoch")) == [0, 50, 200, 250]
    assert x_of(Line("a", history, epochs=epochs), "epoch", 150, 0) == 1.5
