"""Jobs run, wait their turn, and stop, with real processes."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.errors import JobError, NotFoundError
from edm_core.jobs.ending import Ending, write_ending
from edm_core.jobs.folder import JobFolder, load_jobs
from edm_core.jobs.gpus import gpu_environment, gpu_names, slot_count
from edm_core.jobs.identity import ProcessId, identify
from edm_core.jobs.local import launch
from edm_core.jobs.new_folder import run_name_in
from edm_core.jobs.queue import hold, move, waiting
from edm_core.jobs.slots import take_slot, try_lock
from edm_core.jobs.stop import cancel_job, stop_job
from edm_core.jobs.supervisor import Supervisor
from edm_core.workspace import Workspace
from tests.support.jobs import STUBBORN, folder, job, make_workspace, processes_ended, state, wait_for, wait_until


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws")
    with processes_ended(made):
        yield made


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gate(workspace: Workspace, name: str = "gate") -> tuple[list[str], Path]:
    """A command that runs until the file is there, then adds its job's id to `order`."""
    path = workspace.root / name
    script = f"while [ ! -e {path} ]; do sleep 0.02; done; echo $EDM_JOB_ID >> {workspace.root}/order"
    return ["sh", "-c", script], path


def test_a_job_runs_with_its_environment_and_its_log(workspace: Workspace) -> None:
    code = (
        "import os, sys; print('out', os.getcwd()); print('err', file=sys.stderr)\n"
        "names = ('EDM_JOB_ID', 'EDM_JOB_DIR', 'MLFLOW_TRACKING_URI', 'MLFLOW_EXPERIMENT_NAME')\n"
        "print(*(os.environ[name] for name in names))\n"
        "print(os.getsid(0) != os.getppid(), sys.stdin.read() == ''); sys.exit(3)"
    )
    started = launch(workspace, python(code), title="a title")
    ended = wait_until(workspace, started.id, "failed")
    assert (ended.exit_code, ended.title, ended.note) == (3, "a title", "")
    assert folder(workspace, started.id).log.read_text().splitlines() == [
        f"out {workspace.root}",
        "err",
        f"{started.id} {ended.folder} {workspace.tracking_uri} edm-training",
        "True True",
    ]
    assert ended.started is not None
    assert ended.ended is not None
    assert ended.created <= ended.started + 0.01 <= ended.ended + 0.02
    facts = json.loads((folder(workspace, started.id).path / "environment.json").read_text())
    assert (facts["python"], facts["commit"]) == (sys.version.split()[0], "")
    assert not (folder(workspace, started.id).path / "supervisor.log").read_text()


def test_edm_is_this_installation_whatever_path_says(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (workspace.root / "json.py").write_text("raise SystemExit('a file of the user stood in for a module')")
    started = launch(workspace, ["edm", "--version"])
    wait_until(workspace, started.id, "done")
    assert folder(workspace, started.id).log.read_text().startswith("edm, version")


def test_a_command_that_is_not_there_says_so(workspace: Workspace) -> None:
    ended = wait_until(workspace, launch(workspace, ["no-such-program-here"]).id, "failed")
    assert ended.exit_code == 127
    assert "no-such-program-here" in ended.note
    assert "no-such-program-here" in folder(workspace, ended.id).log.read_text()
    with pytest.raises(JobError, match="no command"):
        launch(workspace, [])


def test_jobs_wait_for_the_slot_in_the_order_of_their_arrival(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    ids = [launch(workspace, command).id for _ in range(4)]
    wait_until(workspace, ids[0], "running")
    assert [state(workspace, one) for one in ids[1:]] == ["queued"] * 3
    assert ids == sorted(ids)
    opened.touch()
    for one in ids:
        wait_until(workspace, one, "done")
    assert (workspace.root / "order").read_text().split() == ids


def test_two_slots_run_two_jobs(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws", "[launch]\nslots = 2\n")
    with processes_ended(workspace):
        command, opened = gate(workspace)
        ids = [launch(workspace, command).id for _ in range(3)]
        for one in ids[:2]:
            wait_until(workspace, one, "running")
        assert state(workspace, ids[2]) == "queued"
        (workspace.root / "edm.toml").write_text("[launch]\nslots = 3\n")
        wait_until(workspace, ids[2], "running")
        opened.touch()
        for one in ids:
            wait_until(workspace, one, "done")


def test_a_slot_is_a_gpu_where_edm_toml_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    workspace = make_workspace(tmp_path / "ws", "[launch]\nslots = 0\n")
    with processes_ended(workspace):
        command, opened = gate(workspace)
        command[-1] = f"echo $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER; {command[-1]}"
        ids = [launch(workspace, command).id for _ in range(3)]
        for one in ids[:2]:
            wait_until(workspace, one, "running")
        assert state(workspace, ids[2]) == "queued"
        opened.touch()
        for one in ids:
            wait_until(workspace, one, "done")
        logs = [folder(workspace, one).log.read_text() for one in ids[:2]]
        assert logs == ["3 PCI_BUS_ID\n", "5 PCI_BUS_ID\n"]


def test_gpus_are_counted(tmp_path: Path) -> None:
    assert gpu_names({}, tmp_path / "none") == ()
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert gpu_names({}, tmp_path) == ("0", "1")
    assert gpu_names({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ()
    assert (slot_count(0, {}, tmp_path), slot_count(0, {}, tmp_path / "none"), slot_count(3, {}, tmp_path)) == (2, 1, 3)
    assert gpu_environment(1, 0, {}, tmp_path) == {}
    assert gpu_environment(0, 1, {}, tmp_path)["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_command_of_the_user_runs_when_a_job_has_ended(tmp_path: Path) -> None:
    toml = "[launch]\non_end = 'echo $EDM_JOB_ID $EDM_JOB_STATE $EDM_JOB_EXIT_CODE >> told; echo hook speaks; exit 5'\n"
    workspace = make_workspace(tmp_path / "ws", toml)
    with processes_ended(workspace):
        ended = wait_until(workspace, launch(workspace, ["sh", "-c", "exit 3"]).id, "failed")
        assert (workspace.root / "told").read_text() == f"{ended.id} failed 3\n"
        said = (folder(workspace, ended.id).path / "supervisor.log").read_text()
        assert "hook speaks" in said
        assert "on_end ended with 5" in said


def test_two_launchers_at_once_share_one_slot(workspace: Workspace) -> None:
    marker = workspace.root / "busy"
    # mkdir fails where another job is inside: then the exit code is not 0.
    command = ["sh", "-c", f"mkdir {marker} && sleep 0.1 && rmdir {marker}"]
    code = (
        "import sys; from pathlib import Path; from edm_core.workspace import find_workspace\n"
        "from edm_core.jobs.local import launch\n"
        f"for _ in range(3): print(launch(find_workspace(Path({str(workspace.root)!r})), {command!r}).id)"
    )
    launchers = [subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    ids = [line for launcher in launchers for line in launcher.communicate()[0].split()]
    assert len(set(ids)) == 6
    for one in ids:
        assert wait_until(workspace, one, "done", "failed").state == "done"


def test_the_same_run_is_not_launched_twice(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    first = launch(workspace, [*command, "--run-name", "same"])
    assert first.run_name == "same"
    with pytest.raises(JobError, match="already makes run 'same'"):
        launch(workspace, command, run_name="same")
    opened.touch()
    wait_until(workspace, first.id, "done")
    wait_until(workspace, launch(workspace, command, run_name="same").id, "done")
    assert run_name_in(["edm", "train", "--run-name=x"]) == "x"
    assert run_name_in(["edm", "--run-name"]) == ""


def test_holding_moving_and_cancelling_waiting_jobs(workspace: Workspace) -> None:
    command, opened = gate(workspace)
    first, held, second, third, dropped = (launch(workspace, command).id for _ in range(5))
    wait_until(workspace, first, "running")
    hold(folder(workspace, held), True)
    move(folder(workspace, third), "first")
    move(folder(workspace, second), folder(workspace, held))
    assert [ticket.id for ticket in waiting(workspace.jobs_dir)] == [third, second, held, dropped]
    assert job(workspace, held).held
    assert cancel_job(workspace, dropped).data["jobs"][0]["state"] == "stopped"
    with pytest.raises(JobError, match="does not wait"):
        hold(folder(workspace, first), True)
    with pytest.raises(JobError, match="does not wait"):
        cancel_job(workspace, first)
    opened.touch()
    for one in (first, third, second):
        wait_until(workspace, one, "done")
    assert state(workspace, held) == "queued"
    move(folder(workspace, held), "last")
    hold(folder(workspace, held), False)
    wait_until(workspace, held, "done")
    assert (workspace.root / "order").read_text().split() == [first, third, second, held]
    assert waiting(workspace.jobs_dir) == []


def test_a_job_can_be_launched_on_hold(workspace: Workspace) -> None:
    held = launch(workspace, ["true"], hold=True)
    assert (held.state, held.held) == ("queued", True)
    wait_until(workspace, launch(workspace, ["true"]).id, "done")
    assert state(workspace, held.id) == "queued"
    hold(folder(workspace, held.id), False)
    wait_until(workspace, held.id, "done")


def test_stop_lets_the_command_end_in_order(workspace: Workspace) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\n"
        "print('ready')\n"
        "time.sleep(600)"
    )
    started = launch(workspace, python(code))
    wait_for(lambda: "ready" in folder(workspace, started.id).log.read_text())
    outcome = stop_job(workspace, started.id)
    assert (outcome.level, outcome.data["jobs"][0]["state"]) == ("done", "stopped")
    assert folder(workspace, started.id).log.read_text() == "ready\nsaved\n"
    again = stop_job(workspace, started.id)
    assert again.level == "warning"
    assert "already ended" in again.title
    with pytest.raises(NotFoundError):
        stop_job(workspace, "nothing")


def test_a_stubborn_command_is_killed_with_all_that_it_started(workspace: Workspace) -> None:
    inner = workspace.root / "inner"
    started = launch(workspace, python(f"import os, subprocess; p = subprocess.Popen({STUBBORN!r}); "
                                       f"open({str(inner)!r}, 'w').write(str(p.pid)); os.wait()"))  # fmt: skip
    wait_for(lambda: "ready" in folder(workspace, started.id).log.read_text())
    grandchild = identify(int(inner.read_text()))
    assert grandchild.alive()
    stop_job(workspace, started.id, grace=0.1)
    assert state(workspace, started.id) == "stopped"
    wait_for(lambda: not grandchild.alive())


def test_a_job_on_hold_stops_without_ever_starting(workspace: Workspace) -> None:
    held = launch(workspace, ["touch", str(workspace.root / "ran")], hold=True)
    assert stop_job(workspace, held.id).data["jobs"][0]["state"] == "stopped"
    ended = wait_until(workspace, held.id, "stopped")
    assert (ended.started, ended.exit_code) == (None, None)
    assert not (workspace.root / "ran").exists()
    assert waiting(workspace.jobs_dir) == []


def test_a_signal_never_reaches_a_process_that_took_over_the_pid(workspace: Workspace) -> None:
    with subprocess.Popen(STUBBORN, start_new_session=True) as bystander:
        try:
            known = identify(bystander.pid)
            impostor = ProcessId(known.pid, str(int(known.start) - 1), known.boot_id, known.host)
            assert not impostor.send(signal.SIGKILL)
            assert not impostor.send(signal.SIGKILL, group=True)
            assert bystander.poll() is None
            assert known.send(signal.SIGKILL)
        finally:
            bystander.kill()


def test_slots_beyond_a_lowered_number_still_count(tmp_path: Path) -> None:
    held = [take_slot(tmp_path, 3) for _ in range(3)]
    assert [slot.index for slot in held if slot] == [0, 1, 2]
    assert take_slot(tmp_path, 3) is None
    assert held[0] is not None
    assert held[1] is not None
    assert held[2] is not None
    held[0].release()
    assert take_slot(tmp_path, 1) is None
    assert take_slot(tmp_path, 2) is None
    held[1].release()
    free = take_slot(tmp_path, 2)
    assert free is not None
    assert free.index == 0
    free.release()
    held[2].release()


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    code = (
        "from pathlib import Path; from edm_core.jobs.slots import try_lock\n"
        f"print(try_lock(Path({str(path)!r})), flush=True); input()"
    )
    with subprocess.Popen(python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert try_lock(path) is None
        holder.kill()
    handle = try_lock(path)
    assert handle is not None
    os.close(handle)


def test_uncommitted_changes_are_kept_with_the_job(workspace: Workspace) -> None:
    root = workspace.root
    for words in (["init", "-q"], ["config", "user.name", "n"], ["config", "user.email", "e@x"], ["add", "edm.toml"],
                  ["commit", "-qm", "first"]):  # fmt: skip
        subprocess.run(["git", *words], cwd=root, check=True)
    clean = wait_until(workspace, launch(workspace, ["true"]).id, "done")
    assert not (folder(workspace, clean.id).path / "uncommitted.patch").exists()
    (root / "edm.toml").write_text("# changed\n")
    ended = wait_until(workspace, launch(workspace, ["true"]).id, "done")
    place = folder(workspace, ended.id).path
    facts = json.loads((place / "environment.json").read_text())
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=root, text=True).strip()
    assert (facts["commit"], facts["dirty"], facts["patch_cut"]) == (head, True, False)
    assert "+# changed" in (place / "uncommitted.patch").read_text()
    assert len(load_jobs(workspace.jobs_dir)) == 2


def test_a_folder_that_was_removed_under_a_running_job_still_tells_how_it_ended(workspace: Workspace) -> None:
    command, gate_file = gate(workspace)
    started = launch(workspace, command, title="a title")
    wait_until(workspace, started.id, "running")
    shutil.rmtree(folder(workspace, started.id).path)
    gate_file.touch()
    wait_for(lambda: folder(workspace, started.id).exit_file.exists(), "its end")
    ended = job(workspace, started.id)
    assert (ended.state, ended.exit_code, ended.title) == ("done", 0, "a title")
    assert (workspace.root / "order").read_text().split() == [started.id]


def test_what_no_program_can_be_given_is_refused(workspace: Workspace) -> None:
    with pytest.raises(JobError, match="NUL"):
        launch(workspace, ["echo", "a\0b"])
    assert load_jobs(workspace.jobs_dir) == ()
    words = ["a b", "it's", '"q"', "$(touch no)", "`touch no`", "; touch no", "x\ny", "é模型😀", "", "{n}", "*"]
    started = launch(workspace, python("import sys, json; print(json.dumps(sys.argv[1:]))") + words)
    wait_until(workspace, started.id, "done")
    assert json.loads(folder(workspace, started.id).log.read_text()) == words


def test_a_short_log_is_cut_to_its_cap_too(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "ws", "[launch]\nlog_cap_mb = 1\n")
    with processes_ended(made):
        started = launch(made, python("print('first'); print(('x' * 99 + chr(10)) * 80_000); print('last')"))
        wait_until(made, started.id, "done")
        log = folder(made, started.id).log
        data = log.read_bytes()
        assert data.startswith(b"first\n")
        assert data.endswith(b"last\n")
        assert log.stat().st_blocks * 512 < 2 << 20 or b"\0" not in data


def test_the_end_of_a_job_waits_for_room_on_a_full_disk(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    held = launch(workspace, ["true"], hold=True)
    place = folder(workspace, held.id)
    supervisor = Supervisor(place, place.read(place.job_file) or {}, workspace)
    full = [True, True]

    def write(folder: JobFolder, ending: Ending) -> float:
        if full:
            full.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_ending(folder, ending)

    monkeypatch.setattr("edm_core.jobs.supervisor.write_ending", write)
    assert [supervisor._written(Ending("done", 0)) for _ in range(3)] == [False, False, True]
    assert (place.read(place.exit_file) or {})["state"] == "done"
