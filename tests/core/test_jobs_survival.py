"""Jobs outlive whatever launched them, and what a killed supervisor leaves behind is settled."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.jobs.folder import load_jobs
from edm_core.jobs.identity import ProcessId
from edm_core.jobs.local import launch, start_supervisor
from edm_core.jobs.mlflow_status import Verdict, runs_of_job, settle_runs, unsettled_file
from edm_core.jobs.mlflow_watch import runs_now
from edm_core.jobs.queue import move
from edm_core.jobs.reaper import needs_settling, settle
from edm_core.jobs.slots import take_slot
from edm_core.jobs.stop import stop_job
from edm_core.workspace import Workspace
from tests.support.jobs import (
    STUBBORN,
    folder,
    job,
    make_workspace,
    mlflow_store,
    processes_ended,
    state,
    supervised,
    wait_for,
    wait_until,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws")
    with processes_ended(made):
        yield made


def gate(workspace: Workspace) -> tuple[list[str], Path]:
    opened = workspace.root / "gate"
    return [
        "sh",
        "-c",
        f"while [ ! -e {opened} ]; do sleep 0.02; done; echo $EDM_JOB_ID >> {workspace.root}/ran",
    ], opened


def launcher(workspace: Workspace, command: list[str], after: str = "") -> list[str]:
    """A Python process that launches the command, prints the job's id, and then does `after`."""
    code = (
        "import os, signal, time; from pathlib import Path; from edm_core.workspace import find_workspace\n"
        "from edm_core.jobs.local import launch\n"
        f"print(launch(find_workspace(Path({str(workspace.root)!r})), {command!r}).id, flush=True)\n{after}"
    )
    return [sys.executable, "-c", code]


def kill_supervisor(workspace: Workspace, job_id: str) -> None:
    supervisor = folder(workspace, job_id).supervisor()
    assert supervisor is not None
    assert supervisor.send(signal.SIGKILL)
    wait_for(lambda: not supervisor.alive())


def child_of(workspace: Workspace, job_id: str) -> ProcessId:
    wait_for(folder(workspace, job_id).child_file.exists)
    child = folder(workspace, job_id).child()
    assert child is not None
    return child


def test_the_whole_session_of_the_launcher_is_killed(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    process = subprocess.Popen(
        launcher(workspace, command, "time.sleep(600)"), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        job_id = process.stdout.readline().strip()
        wait_until(workspace, job_id, "running")
        os.killpg(process.pid, signal.SIGKILL)
    assert state(workspace, job_id) == "running"
    opened.touch()
    assert wait_until(workspace, job_id, "done").exit_code == 0


def test_hang_up_and_interrupt_do_not_reach_it(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    started = launch(workspace, command)
    child_of(workspace, started.id)
    supervisor = folder(workspace, started.id).supervisor()
    assert supervisor is not None
    assert supervisor.send(signal.SIGHUP)
    assert supervisor.send(signal.SIGINT)
    opened.touch()
    assert wait_until(workspace, started.id, "done").exit_code == 0


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_the_tmux_server_that_it_was_launched_in_is_killed(workspace: Workspace, tmp_path: Path) -> None:
    command, opened = gate(workspace)
    tmux = ["tmux", "-L", f"edm-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", *launcher(workspace, command, "time.sleep(600)")], check=True)
    try:
        wait_for(lambda: load_jobs(workspace.jobs_dir))
        job_id = load_jobs(workspace.jobs_dir)[0].id
        wait_until(workspace, job_id, "running")
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)
    assert state(workspace, job_id) == "running"
    opened.touch()
    assert wait_until(workspace, job_id, "done").exit_code == 0


def test_a_launcher_killed_at_any_moment_launches_once_or_not_at_all(workspace: Workspace) -> None:
    code = f"echo $EDM_JOB_ID >> {workspace.root}/ran"
    for milliseconds in (60, 75, 90, 105, 120, 150):
        process = subprocess.Popen(
            launcher(workspace, ["sh", "-c", code]), stdout=subprocess.DEVNULL, start_new_session=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.kill()
        process.wait()
    settle(workspace)
    ids = [one.id for one in load_jobs(workspace.jobs_dir)]
    for one in ids:
        wait_until(workspace, one, "done")
    ran = (workspace.root / "ran").read_text().split() if ids else []
    assert sorted(ran) == sorted(ids)


def test_the_command_goes_on_when_its_supervisor_is_killed(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    started = launch(workspace, command)
    child = child_of(workspace, started.id)
    kill_supervisor(workspace, started.id)
    orphan = job(workspace, started.id)
    assert (orphan.state, orphan.note) == ("running", "its supervisor was killed; the command itself goes on")
    assert not needs_settling(workspace)
    assert settle(workspace) == ()
    assert take_slot(workspace.edm_dir / "slots", 1) is None
    opened.touch()
    wait_for(lambda: not child.alive())
    assert state(workspace, started.id) == "lost"
    assert len(settle(workspace)) == 1
    assert settle(workspace) == ()
    lost = json.loads(folder(workspace, started.id).exit_file.read_text())
    assert (lost["state"], lost["exit_code"]) == ("lost", None)
    free = take_slot(workspace.edm_dir / "slots", 1)
    assert free is not None
    free.release()


def test_an_orphan_is_stopped_without_a_supervisor(workspace: Workspace) -> None:
    started = launch(workspace, STUBBORN)
    wait_for(lambda: "ready" in folder(workspace, started.id).log.read_text())
    child = child_of(workspace, started.id)
    kill_supervisor(workspace, started.id)
    assert stop_job(workspace, started.id, grace=0.1).data["jobs"][0]["state"] == "stopped"
    assert not child.alive()


def test_a_waiting_job_goes_on_with_a_new_supervisor(workspace: Workspace) -> None:
    waiting = launch(workspace, ["sh", "-c", f"echo $EDM_JOB_ID >> {workspace.root}/ran"], hold=True)
    kill_supervisor(workspace, waiting.id)
    assert (state(workspace, waiting.id), bool(job(workspace, waiting.id).note)) == ("queued", True)
    assert needs_settling(workspace)
    assert settle(workspace) == (f"job {waiting.id} waits for a slot again",)
    assert settle(workspace) == ()
    assert not needs_settling(workspace)
    assert job(workspace, waiting.id).held
    assert not (workspace.root / "ran").exists()
    other = launch(workspace, ["true"])
    wait_until(workspace, other.id, "done")


def test_after_a_reboot_waiting_jobs_go_on_in_the_order_of_their_turn(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    busy = launch(workspace, command)
    child_of(workspace, busy.id)
    waiting = [launch(workspace, ["sh", "-c", f"echo $EDM_JOB_ID >> {workspace.root}/ran"]).id for _ in range(3)]
    move(folder(workspace, waiting[2]), "first")
    for one in waiting:
        kill_supervisor(workspace, one)
    opened.touch()
    wait_until(workspace, busy.id, "done")
    assert len(settle(workspace)) == 3
    for one in waiting:
        wait_until(workspace, one, "done")
    assert (workspace.root / "ran").read_text().split() == [busy.id, waiting[2], waiting[0], waiting[1]]


def test_a_supervisor_killed_between_queue_and_start_loses_nothing(workspace: Workspace) -> None:
    waiting = launch(workspace, ["true"], hold=True)
    kill_supervisor(workspace, waiting.id)
    folder(workspace, waiting.id).queue_file.unlink()
    assert len(settle(workspace)) == 1
    wait_until(workspace, waiting.id, "done")


def test_a_launcher_killed_half_way_leaves_nothing(workspace: Workspace) -> None:
    draft = workspace.jobs_dir / ".new-20260101-000000-aaaa"
    draft.mkdir(parents=True)
    ticket = workspace.edm_dir / "queue" / "20260101-000000-aaaa.json"
    ticket.parent.mkdir()
    ticket.write_text("{}")
    wait_until(workspace, launch(workspace, ["true"]).id, "done")
    settle(workspace)
    assert not draft.exists()
    assert not ticket.exists()


def test_a_shutdown_leaves_waiting_jobs_in_the_queue(workspace: Workspace) -> None:
    held = launch(workspace, ["true"], hold=True)
    supervisor = folder(workspace, held.id).supervisor()
    assert supervisor is not None
    supervisor.send(signal.SIGTERM)
    wait_for(lambda: not supervisor.alive())
    assert state(workspace, held.id) == "queued"
    assert len(settle(workspace)) == 1


def test_a_second_supervisor_leaves_a_job_alone(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    started = launch(workspace, command)
    child_of(workspace, started.id)
    assert not start_supervisor(folder(workspace, started.id))
    kill_supervisor(workspace, started.id)
    assert not start_supervisor(folder(workspace, started.id))
    opened.touch()
    wait_for(lambda: state(workspace, started.id) == "lost")
    assert (workspace.root / "ran").read_text().split() == [started.id]


def test_two_settlers_at_once_do_everything_once(workspace: Workspace) -> None:
    ids = [launch(workspace, ["true"], hold=True).id for _ in range(3)]
    for one in ids:
        kill_supervisor(workspace, one)
    code = (
        "from pathlib import Path; from edm_core.workspace import find_workspace\n"
        "from edm_core.jobs.reaper import settle\n"
        f"print(len(settle(find_workspace(Path({str(workspace.root)!r})))))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sum(int(process.communicate()[0]) for process in both) == 3
    assert all(supervised(folder(workspace, one)) for one in ids)


def test_damaged_folders_disturb_nobody(workspace: Workspace) -> None:
    for name, content in (
        ("20260101-000000-aaaa", b"{"),
        ("20260101-000001-aaaa", b"{}"),
        ("20260101-000002-aaaa", b""),
    ):
        place = workspace.jobs_dir / name
        place.mkdir(parents=True)
        (place / "job.json").write_bytes(content)
        (place / "child.json").write_bytes(content)
        (place / "unsettled").write_bytes(content)
        (place / "progress.jsonl").write_bytes(content)
    (workspace.jobs_dir / "a file").touch()
    settle(workspace)
    assert {one.state for one in load_jobs(workspace.jobs_dir)} == {"lost"}
    wait_until(workspace, launch(workspace, ["true"]).id, "done")


def test_mlflow_is_told_only_of_the_jobs_own_open_runs(workspace: Workspace) -> None:
    started = launch(workspace, ["true"], hold=True)
    mlflow_store(workspace, own=started.id, other="20260101-000000-aaaa")
    uri = workspace.tracking_uri
    assert runs_of_job(uri, started.id, "other") == {"own": "RUNNING"}
    assert runs_of_job(uri, started.id, "") == {"own": "RUNNING"}
    with contextlib.closing(sqlite3.connect(workspace.root / "mlflow.db")) as base:
        base.execute("INSERT INTO runs VALUES ('untagged', '', 'RUNNING', 'active', 1)")
        base.execute("UPDATE runs SET status = 'FINISHED' WHERE run_uuid = 'own'")
        base.commit()
    assert runs_of_job(uri, started.id, "untagged") == {"own": "FINISHED", "untagged": "RUNNING"}
    assert [(run.run_id, run.name) for run in runs_now(uri, "another")] == []
    assert runs_of_job("sqlite:////nowhere/x.db", started.id, "") == {}
    assert runs_of_job("http://127.0.0.1:9", started.id, "") is None
    # Nothing is open, so nothing is imported and nothing is left to do.
    settle_runs(folder(workspace, started.id), Verdict(uri, started.id, "own", "KILLED", 1))
    assert not unsettled_file(folder(workspace, started.id)).exists()


def test_a_run_that_finished_makes_its_lost_job_done(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    started = launch(workspace, command)
    child = child_of(workspace, started.id)
    kill_supervisor(workspace, started.id)
    mlflow_store(workspace, own=started.id)
    with contextlib.closing(sqlite3.connect(workspace.root / "mlflow.db")) as base:
        base.execute("UPDATE runs SET status = 'FINISHED'")
        base.commit()
    opened.touch()
    wait_for(lambda: not child.alive())
    settle(workspace)
    assert state(workspace, started.id) == "done"
