"""The interface while much goes on: a training runs, a push of 60 MB and refreshes, and one moves about."""

import os
import subprocess
import sys
from pathlib import Path

from edm_core.data.arrange import tracks
from edm_core.data.make import write_tracks
from edm_core.jobs.folder import load_jobs
from edm_core.stores.runs import load_runs
from edm_core.workspace import find_workspace
from edm_tui.app import EdmApp, collect_again
from tests.support.loop_watch import LoopGaps, watch_loop

EDM = (sys.executable, "-m", "edm_core.cli.main")


def make_workspace(root: Path, remote: Path) -> None:
    """A repository at `root` (with one commit) becomes a workspace with data, a remote and a kept folder of 60 MB."""
    _run(root, *EDM, "init", "--commit")
    remote.mkdir()
    _run(root, sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "nas", str(remote))
    _run(root, "git", "commit", "-q", "-a", "-m", "Add a remote")
    write_tracks(root / "data", tracks()[:5])
    folder = root / "outputs" / "training" / "big_run"
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"part_{number}.bin").write_bytes(os.urandom(2_000_000))
    _run(root, *EDM, "keep", "big_run")


async def busy_while(root: Path) -> LoopGaps:
    """Train and push while rows are read again and the cursor moves, to the end of both; what the loop missed."""
    workspace = find_workspace(root, {})
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause()
        collect_again()
        async with watch_loop() as found:
            await app.services.verb("jobs", "launch", "--name", "cnn_beside", "--", *train_command(), lane="tracking")
            app.open_view("tail", tuple(row for row in load_runs(workspace).rows if row.name == "cnn_beside"))
            push = app.run_worker(app.services.verb("push", "big_run", lane="data"))
            while any(job.active for job in load_jobs(workspace.jobs_dir)) or not push.is_finished:
                await pilot.press("escape")
                await pilot.press("r")
                await pilot.press("j", "k", "t")
                await pilot.pause(0.2)
    assert push.error is None, push.error
    return found


def train_command() -> tuple[str, ...]:
    return (
        "edm", "train", "data/annotations", "--run-name", "cnn_beside", "--epochs", "3", "--duration", "16",
        "--threads", "1",
    )  # fmt: skip


def _run(cwd: Path, *argv: str) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}\n{done.stderr}"
