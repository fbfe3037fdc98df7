"""`T`: TensorBoard answers on a loopback port, and ends when asked to or when the program is gone."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from edm_core.errors import ActionError
from edm_core.snapshots.runs import RunRow
from edm_tui.dialogs.told import ToldDialog
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.board import Boards
from edm_tui.tensorboard import start, with_events
from tests.core.test_event_files import write
from tests.support.tui_host import HostApp, a_workspace


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(condition: "object", seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if callable(condition) and condition():
            return True
        time.sleep(0.05)
    return False


async def test_it_starts_tells_the_ssh_line_and_stops(tmp_path: Path) -> None:
    workspace = a_workspace(tmp_path)
    write(workspace.runs_dir / "one" / "logs", {"loss": [(0, 1.0)]})
    one = RunRow("", "one", run_dir=(workspace.runs_dir / "one").relative_to(workspace.root).as_posix())
    assert with_events(workspace, [one, RunRow("r", "none")]) == [("one", workspace.runs_dir / "one")]
    app = HostApp(workspace, EdmScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        boards = Boards(app, app.services)
        await boards.toggle([RunRow("r", "none")])
        assert app.services.running == []
        await boards.toggle([one])
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, ToldDialog)
        url = next(line.removeprefix("here: ") for line in dialog.lines if line.startswith("here: "))
        assert any(line.strip().startswith("ssh -N -L ") for line in dialog.lines)
        assert answers(url)
        assert "T stops it" in app.services.running[0]
        await boards.toggle([one])
        assert app.services.running == []
        assert not answers(url)


def test_it_ends_when_the_program_is_killed(tmp_path: Path) -> None:
    write(tmp_path / "logs", {"loss": [(0, 1.0)]})
    script = (
        "import sys, time; from pathlib import Path; from edm_tui.tensorboard import start;"
        "print(start([('one', Path(sys.argv[1]))]).url, flush=True); time.sleep(600)"
    )
    program = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    url = program.stdout.readline().strip()
    assert answers(url)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    program.stdout.close()
    assert until(lambda: not answers(url))


def test_one_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ActionError, match="did not start"):
        start([("one", tmp_path)])
