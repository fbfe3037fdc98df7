"""`edm jobs` as a script meets it, and following a log to its end."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edm_core.cli.main import edm
from edm_core.errors import EdmError
from edm_core.jobs.folder import load_jobs
from edm_core.jobs.follow import follow
from edm_core.jobs.local import launch
from edm_core.workspace import Workspace
from tests.support.jobs import folder, job, make_workspace, processes_ended, state, wait_for, wait_until


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    made = make_workspace(tmp_path / "ws")
    monkeypatch.chdir(made.root)
    with processes_ended(made):
        yield made


def run(*words: str) -> Result:
    return CliRunner().invoke(edm, ["jobs", *words], catch_exceptions=True)


def document(*words: str) -> dict[str, Any]:
    # What comes after `--` belongs to the command.
    result = run(words[0], "--json", *words[1:])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_launch_prints_the_id_and_list_shows_the_job(workspace: Workspace) -> None:
    assert document("list") == {"jobs": []}
    result = run("launch", "--name", "a title", "--", "sh", "-c", "exit 4")
    assert result.exit_code == 0
    job_id = result.stdout.strip()
    wait_until(workspace, job_id, "failed")
    shown = document("list")["jobs"]
    assert [(one["id"], one["state"], one["exit_code"], one["run_id"], one["title"]) for one in shown] == [
        (job_id, "failed", 4, "", "a title")
    ]
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["id", "state", "exit", "epoch", "age", "title"]
    assert lines[1].split()[:3] == [job_id, "failed", "4"]
    assert document("list", "--active") == {"jobs": []}


def test_launch_in_a_folder_means_what_it_means_there(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = workspace.root / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    launched = document("launch", "--", "pwd")
    assert launched["title"] == f"Launched job {launched['id']}"
    wait_until(workspace, launched["jobs"][0]["id"], "done")
    assert folder(workspace, launched["id"]).log.read_text().strip() == str(inner)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["launch", "--profile", "moon", "--", "true"], "no profile 'moon'"),
        (["attach", "nothing"], "no job 'nothing'"),
        (["stop", "nothing"], "no job 'nothing'"),
        (["move", "nothing"], "no job 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_said(workspace: Workspace, words: list[str], message: str) -> None:
    error = run(*words).exception
    assert isinstance(error, EdmError)
    assert message in error.message
    assert error.hint
    assert load_jobs(workspace.jobs_dir) == ()


def test_a_profile_s_command_is_filled_in(workspace: Workspace) -> None:
    (workspace.root / "edm.toml").write_text(
        "[launch]\ncommand = \"sh -c 'echo $0 $MODE' '{word} x' {run_name}\"\n"
        "[launch.profiles.loud]\nenv = {MODE = 'loud'}\n"
    )
    job_id = document("launch", "--profile", "loud", "--set", "word=it's $HOME;", "--set", "run_name=named")["id"]
    assert wait_until(workspace, job_id, "done").run_name == "named"
    assert folder(workspace, job_id).log.read_text() == "it's $HOME; x loud\n"
    for words in (["--set", "word"], ["--set", "word=x", "--", "true"]):
        assert run("launch", *words).exit_code == 2
    assert isinstance(run("launch", "--set", "nothing=x").exception, EdmError)


def test_a_profile_with_another_engine_is_refused(workspace: Workspace) -> None:
    (workspace.root / "edm.toml").write_text('[launch.profiles.far]\nengine = "carrier-pigeon"\n')
    error = run("launch", "--profile", "far", "--", "true").exception
    assert isinstance(error, EdmError)
    assert "carrier-pigeon" in error.message


def test_the_queue_from_the_command_line(workspace: Workspace) -> None:
    ids = [document("launch", "--hold", "--", "true")["id"] for _ in range(3)]
    assert all(one["held"] for one in document("list")["jobs"])
    assert document("move", ids[2])["jobs"][0]["id"] == ids[2]
    assert run("move", ids[1], "--before", ids[2]).exit_code == 0
    assert run("move", ids[2], "--last").exit_code == 0
    assert run("cancel", ids[0]).exit_code == 0
    stopped = document("stop", ids[0], ids[2])
    assert [(one["id"], one["state"]) for one in stopped["jobs"]] == [(ids[0], "stopped"), (ids[2], "stopped")]
    assert stopped["level"] == "warning"
    assert run("hold", ids[1], "--release").exit_code == 0
    wait_until(workspace, ids[1], "done")


def test_attach_follows_to_the_end_and_gives_the_verdict(workspace: Workspace) -> None:
    good = document("launch", "--", "sh", "-c", "echo one; printf '10%%\\r20%%\\n'; printf open")["id"]
    result = run("attach", good, "--from-start")
    assert (result.exit_code, result.stdout.splitlines()) == (0, ["one", "20%", "open"])
    bad = document("launch", "--", "false")["id"]
    result = run("attach", bad, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["jobs"][0]["state"] == "failed"


def test_an_interrupt_leaves_the_job_running(workspace: Workspace) -> None:
    opened = workspace.root / "gate"
    started = launch(workspace, ["sh", "-c", f"echo hello; while [ ! -e {opened} ]; do sleep 0.02; done"])
    attached = subprocess.Popen(
        [sys.executable, "-m", "edm_core.cli.main", "jobs", "attach", started.id],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with attached:
        assert attached.stdout is not None
        assert attached.stdout.readline() == "hello\n"
        os.killpg(attached.pid, signal.SIGINT)
        told = attached.communicate()[1]
    assert attached.returncode == 130
    assert "goes on" in told
    assert state(workspace, started.id) == "running"
    opened.touch()
    wait_until(workspace, started.id, "done")


def test_following_prints_every_line_once(workspace: Workspace) -> None:
    lines = 20_000
    code = f"for i in range({lines}): print('line', i, flush=i % 100 == 0)"
    started = launch(workspace, [sys.executable, "-c", code])
    out = io.StringIO()
    assert follow(started, out, from_start=True).state == "done"
    assert out.getvalue().splitlines() == [f"line {number}" for number in range(lines)]
    tail = io.StringIO()
    follow(job(workspace, started.id), tail, until_end=False)
    assert tail.getvalue().endswith(f"line {lines - 1}\n")
    assert len(tail.getvalue()) < len(out.getvalue())


def test_following_while_it_waits_ends_with_the_job(workspace: Workspace) -> None:
    held = launch(workspace, ["true"], hold=True)
    attached = subprocess.Popen(
        [sys.executable, "-m", "edm_core.cli.main", "jobs", "attach", held.id],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: state(workspace, held.id) == "queued")
    run("stop", held.id)
    assert attached.wait() == 1
