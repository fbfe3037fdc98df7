"""A job's folder says what its state is, whatever is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edm_core.errors import NotFoundError
from edm_core.jobs.ending import Ending, write_ending
from edm_core.jobs.folder import JobFolder, find_job, jobs_token, load_job, load_jobs, new_job_id
from edm_core.jobs.identity import ProcessId, identify, this_process
from edm_core.snapshots.jobs import Alarm


def make(jobs: Path, name: str, *, child: ProcessId | None = None, **job: Any) -> JobFolder:
    folder = JobFolder(jobs / name)
    folder.path.mkdir(parents=True)
    request = {"id": name, "title": "t", "command": ["true"], "created": 5.0, **job}
    folder.job_file.write_text(json.dumps(request))
    if child is not None:
        folder.child_file.write_text(json.dumps(child.as_json()))
    return folder


def dead() -> ProcessId:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        known = identify(process.pid)
        process.kill()
    return known


def test_newest_first_and_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert load_jobs(tmp_path / "none") == ()
    for name in ("20260101-000000-aaaa", "20260103-000000-aaaa", "20260102-000000-aaaa"):
        make(tmp_path, name)
    (tmp_path / ".new-20260104").mkdir()
    assert [job.id[:8] for job in load_jobs(tmp_path)] == ["20260103", "20260102", "20260101"]


def test_states_follow_from_the_processes(tmp_path: Path) -> None:
    me, gone = this_process().as_json(), dead()
    assert load_job(make(tmp_path, "a")).state == "queued"
    assert load_job(make(tmp_path, "b", supervisor=me)).state == "queued"
    assert load_job(make(tmp_path, "c", supervisor=me, child=this_process())).state == "running"
    waiting = load_job(make(tmp_path, "d", supervisor=gone.as_json()))
    assert (waiting.state, bool(waiting.note)) == ("queued", True)
    assert load_job(make(tmp_path, "e", supervisor=gone.as_json(), child=gone)).state == "lost"
    orphan = load_job(make(tmp_path, "f", supervisor=gone.as_json(), child=this_process()))
    assert (orphan.state, orphan.pid, bool(orphan.note)) == ("running", os.getpid(), True)


def test_a_pid_that_another_process_took_over_is_not_the_job(tmp_path: Path) -> None:
    me = this_process()
    other_start = ProcessId(me.pid, "1", me.boot_id, me.host)
    other_boot = ProcessId(me.pid, me.start, "another-boot", me.host)
    for name, impostor in (("a", other_start), ("b", other_boot)):
        assert not impostor.alive()
        assert load_job(make(tmp_path, name, supervisor=impostor.as_json(), child=impostor)).state == "lost"


def test_a_supervisor_on_another_machine_is_believed_while_its_heart_beats(tmp_path: Path) -> None:
    far = ProcessId(4242, "99", "another-boot", "another-host")
    folder = make(tmp_path, "a", supervisor=far.as_json(), child=far)
    assert load_job(folder).state == "lost"
    folder.lock_file.touch()
    assert load_job(folder).state == "running"
    os.utime(folder.lock_file, (1000, 1000))
    assert load_job(folder).state == "lost"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"x"', b"null"])
def test_damage_makes_a_lost_job_and_never_an_exception(tmp_path: Path, content: bytes) -> None:
    folder = make(tmp_path, "a")
    folder.job_file.write_bytes(content)
    job = load_job(folder)
    assert (job.id, job.state, job.note) == ("a", "lost", "job.json cannot be read")
    ended = make(tmp_path, "b")
    ended.exit_file.write_bytes(content)
    assert load_job(ended).state == "lost"
    odd = make(tmp_path, "c", title=3, command="x", created="y", supervisor=[1], run_name=None)
    odd.progress_file.write_bytes(content + b"\n" + content)
    assert load_job(odd).state == "queued"
    folder.job_file.unlink()
    assert [job.state for job in load_jobs(tmp_path)] == ["queued", "lost", "lost"]


def test_the_last_whole_record_tells_the_progress(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", supervisor=this_process().as_json(), child=this_process(), run_name="asked")
    assert load_job(folder).progress.fraction == 0.0
    record = {"t": 10.0, "run_id": "r1", "run_name": "named", "epoch": 2, "epochs": 4, "batch": 1, "batches": 2}
    lines = [record | {"epoch": 1, "metrics": {"val_loss": 0.5, "text": "x"}}, record | {"metrics": {}}]
    whole = "".join(json.dumps(line) + "\n" for line in lines)
    folder.progress_file.write_text("x" * 50_000 + "\n" + whole + '{"epoch": 3, "epo')
    job = load_job(folder)
    assert (job.run_id, job.run_name) == ("r1", "named")
    assert (job.progress.epoch, job.progress.epochs, job.progress.fraction) == (2, 4, 0.375)
    assert job.progress.metrics == {"val_loss": 0.5}
    assert job.silent_since == folder.progress_file.stat().st_mtime


def test_the_pace_is_counted_from_the_first_record(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", supervisor=this_process().as_json(), child=this_process())
    assert load_job(folder).eta_seconds(now=0.0) is None
    records: list[dict[str, float]] = [
        {"t": 1000.0, "epoch": 1, "epochs": 10, "batch": 0, "batches": 1},
        {"t": 1020.0, "epoch": 2, "epochs": 10, "batch": 1, "batches": 1},
    ]
    folder.progress_file.write_text(json.dumps(records[0]) + "\n")
    assert load_job(folder).eta_seconds(now=1000.0) is None
    folder.progress_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert load_job(folder).eta_seconds(now=1020.0) == pytest.approx(80.0)
    assert load_job(folder).eta_seconds(now=1030.0) == pytest.approx(70.0)


def test_a_loss_that_is_no_number_is_said(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", supervisor=this_process().as_json(), child=this_process())
    folder.progress_file.write_text('{"t": 1, "metrics": {"val_loss": NaN, "train_loss": Infinity, "f1": 0.5}}\n')
    assert [one.text for one in load_job(folder).alarms] == ["train_loss, val_loss are not finite"]
    folder.progress_file.write_text('{"t": 1, "metrics": {"val_loss": NaN}}\n')
    assert load_job(folder).alarms == (Alarm("nan", "val_loss is not finite"),)


def test_how_it_ended(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", child=dead())
    folder.exit_file.write_text(json.dumps({"state": "failed", "exit_code": 3, "ended": 9.5, "note": "n"}))
    job = load_job(folder)
    assert (job.state, job.exit_code, job.ended, job.note, job.active) == ("failed", 3, 9.5, "n", False)


def test_an_ended_job_is_told_by_one_file(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", child=this_process(), run_name="r")
    folder.log.write_text("said")
    folder.progress_file.write_text('{"t": 3.0, "run_id": "x", "epoch": 1, "epochs": 2, "metrics": {"a": 1.5}}\n')
    write_ending(folder, Ending("failed", 3, "", "why"))
    told = load_job(folder)
    assert (told.run_id, told.run_name, told.exit_code, told.note, told.pid) == ("x", "r", 3, "why", os.getpid())
    end = json.loads(folder.exit_file.read_text())
    for summary in ({}, {"title": 3}, {**end["job"], "unknown": 1}, {**end["job"], "progress": 3}):
        folder.exit_file.write_text(json.dumps({**end, "job": summary}))
        assert load_job(folder) == told
    folder.exit_file.write_text(json.dumps(end))
    for path in (folder.job_file, folder.child_file, folder.progress_file):
        path.unlink()
    assert load_job(folder) == told


def test_a_job_is_found_by_either_end_of_its_id_or_by_its_run(tmp_path: Path) -> None:
    make(tmp_path, "20260101-000000-aaaa", run_name="one")
    make(tmp_path, "20260101-000001-bbbb", run_name="two")
    assert find_job(tmp_path, "bbbb").run_name == "two"
    assert find_job(tmp_path, "20260101-000000").run_name == "one"
    assert find_job(tmp_path, "two").id.endswith("bbbb")
    with pytest.raises(NotFoundError, match="2 jobs"):
        find_job(tmp_path, "20260101")
    for nothing in ("", "zzz", "../x"):
        with pytest.raises(NotFoundError):
            find_job(tmp_path, nothing)


def test_ids_sort_by_time(tmp_path: Path) -> None:
    times = [0.0, 0.001, 0.036, 0.999, 1.0, 86_400.5, 1_795_000_000.25]
    ids = [new_job_id(when) for when in times]
    assert ids == sorted(ids)
    assert all(len(name) == 20 for name in ids)


def test_the_token_changes_with_what_a_job_says(tmp_path: Path) -> None:
    folder = make(tmp_path, "a")
    seen = [jobs_token(tmp_path)]
    folder.progress_file.write_text("{}\n")
    seen.append(jobs_token(tmp_path))
    folder.exit_file.write_text("{}")
    seen.append(jobs_token(tmp_path))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        make(tmp_path, "b", supervisor=identify(process.pid).as_json())
        seen.append(jobs_token(tmp_path))
        process.kill()
    seen.append(jobs_token(tmp_path))
    assert len(set(seen)) == 5
    assert jobs_token(tmp_path) == seen[-1]


def test_reading_needs_nothing_heavy() -> None:
    code = (
        "import sys, edm_core.jobs.folder; print([m for m in ('psutil', 'mlflow', 'subprocess') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
