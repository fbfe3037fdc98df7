"""A job is a folder: what is in it, and what it says of the job at this moment.

    .edm/jobs/ID/
        job.json        what was asked for, and which process watches over it
        child.json      which process does the work; it is there before the first instruction of the command
        log             what the command printed
        progress.jsonl  where a training is, one record a line
        exit.json       how it ended
        stop.json       somebody asked it to stop
        lock            held by the supervisor for as long as it lives; its modification time is the heartbeat

Only the standard library is used, and only the tails of files are read: the TUI asks in its first frame.
"""

import json
import math
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from edm_core.errors import NotFoundError
from edm_core.jobs.identity import ProcessId, process_from_json
from edm_core.jobs.progress import first_progress, last_progress, number, progress_of, text, whole
from edm_core.snapshots.jobs import JobSnapshot, Progress

STATES = ("queued", "running", "done", "failed", "stopped", "lost")
ENDED = ("done", "failed", "stopped", "lost")
HEARTBEAT_SECONDS = 20.0
"""How often a supervisor touches its lock file."""
_HEARTBEATS_MISSED = 6
# An exit.json is never taken back, so this only saves asking again.
_known_to_have_ended: set[Path] = set()
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The files of one job."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def job_file(self) -> Path:
        return self.path / "job.json"

    @property
    def child_file(self) -> Path:
        return self.path / "child.json"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def progress_file(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def exit_file(self) -> Path:
        return self.path / "exit.json"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def queue_file(self) -> Path:
        """The job's ticket, there while it waits for a slot."""
        return self.path.parent.parent / "queue" / f"{self.id}.json"

    def read(self, path: Path) -> dict[str, Any] | None:
        """One of the JSON files; None when it is missing or damaged."""
        try:
            value = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def child(self) -> ProcessId | None:
        return process_from_json(self.read(self.child_file))

    def supervisor(self) -> ProcessId | None:
        return process_from_json((self.read(self.job_file) or {}).get("supervisor"))

    def watched(self, supervisor: ProcessId | None) -> bool:
        """Whether the supervisor lives. On another machine its heartbeat speaks for it."""
        if supervisor is None:
            return False
        if supervisor.alive():
            return True
        if not supervisor.elsewhere():
            return False
        beat = _modified(self.lock_file)
        return beat is not None and time.time() - beat < HEARTBEAT_SECONDS * _HEARTBEATS_MISSED


def new_job_id(now: float) -> str:
    """An id such as 20261123-171203-ab12: UTC, and sorted by time to the millisecond (its last four characters)."""
    milliseconds = int(now * 1000) % 1000
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    fraction = _DIGITS[milliseconds // 36] + _DIGITS[milliseconds % 36]
    return f"{stamp}-{fraction}{secrets.choice(_DIGITS)}{secrets.choice(_DIGITS)}"


def load_jobs(jobs_dir: Path) -> tuple[JobSnapshot, ...]:
    """Every job of the folder, newest first. A damaged one is `lost` with the reason as its note; nothing is raised."""
    return tuple(load_job(JobFolder(jobs_dir / name)) for name in sorted(_names(jobs_dir), reverse=True))


def load_job(folder: JobFolder) -> JobSnapshot:
    """What the folder says now."""
    ended = _stamp(folder.exit_file)
    if ended is not None:
        # A job that has ended is read once: its folder does not change any more.
        return _ended(folder, ended, _stamp(folder.job_file))
    return _live(folder)


def find_job(jobs_dir: Path, ref: str) -> JobSnapshot:
    """The job whose id is, starts or ends with `ref`, or whose run has that id or name (the newest of them).

    Raises NotFoundError with the ids that are near.
    """
    names = sorted(_names(jobs_dir), reverse=True)
    if ref in names:
        return load_job(JobFolder(jobs_dir / ref))
    near = [name for name in names if ref and (name.startswith(ref) or name.endswith(ref))]
    if len(near) == 1:
        return load_job(JobFolder(jobs_dir / near[0]))
    if near:
        raise NotFoundError(f"{ref!r} is the beginning or end of {len(near)} jobs", f"They are {', '.join(near[:5])}.")
    for job in load_jobs(jobs_dir):
        if ref and ref in (job.run_name, job.run_id):
            return job
    raise NotFoundError(
        f"no job {ref!r}", "`edm jobs list` shows them all." if names else "No job was launched here yet."
    )


def jobs_token(jobs_dir: Path) -> tuple[object, ...]:
    """Changes whenever a job appears, goes on, dies or ends. A job that has ended costs no file access any more."""
    token: list[object] = []
    for name in _names(jobs_dir):
        folder = JobFolder(jobs_dir / name)
        if folder.path in _known_to_have_ended:
            token.append(name)
        elif folder.exit_file.exists():
            _known_to_have_ended.add(folder.path)
            token.append(name)
        else:
            live = (folder.job_file, folder.child_file, folder.progress_file, folder.stop_file, folder.queue_file)
            child = folder.child()
            alive = folder.watched(folder.supervisor()), child is not None and child.alive()
            token.append((name, *alive, *(_stamp(path) for path in live)))
    return tuple(token)


def _names(jobs_dir: Path) -> list[str]:
    try:
        with os.scandir(jobs_dir) as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _live(folder: JobFolder) -> JobSnapshot:
    job = folder.read(folder.job_file)
    if job is None:
        return _damaged(folder, "job.json cannot be read")
    snapshot = _described(folder, job)
    supervisor, child = process_from_json(job.get("supervisor")), folder.child()
    watched = folder.watched(supervisor)
    if child is None and not folder.child_file.exists():
        ticket = folder.read(folder.queue_file) or {}
        note = (
            "" if watched or supervisor is None else "its supervisor has gone: it goes on with the next `edm jobs list`"
        )
        return replace(snapshot, state="queued", note=note, held=bool(ticket.get("held")))
    state, note = _state_of_started(watched, child)
    pid = child.pid if child else None
    if state == "running" and not note:
        note = _alarm(snapshot.progress)
    progress, first = snapshot.progress, first_progress(folder.progress_file)
    if first is not None:
        progress = replace(progress, first_at=first.at, first_fraction=first.fraction)
    started = _modified(folder.child_file)
    return replace(snapshot, state=state, note=note, pid=pid, started=started, progress=progress)


def _state_of_started(watched: bool, child: ProcessId | None) -> tuple[str, str]:
    if watched:
        return "running", ""
    if child is not None and child.alive():
        return "running", "its supervisor was killed; the command itself goes on"
    return "lost", "its supervisor was killed, or the machine restarted"


def _alarm(progress: Progress) -> str:
    """What is wrong with the last metrics: a loss that is no number does not become one again."""
    broken = sorted(name for name, value in progress.metrics.items() if not math.isfinite(value))
    return f"{', '.join(broken)} {'is' if len(broken) == 1 else 'are'} not finite" if broken else ""


@lru_cache(maxsize=8192)
def _ended(folder: JobFolder, exit_stamp: tuple[int, int], job_stamp: tuple[int, int] | None) -> JobSnapshot:
    end = folder.read(folder.exit_file)
    summary = _from_summary(folder, end) if end else None
    if summary is not None:
        return summary
    job = folder.read(folder.job_file)
    if job is None:
        return _damaged(folder, "job.json cannot be read")
    if end is None or end.get("state") not in ENDED:
        return replace(_described(folder, job), state="lost", note="exit.json cannot be read")
    child = folder.child()
    return replace(
        _described(folder, job),
        state=str(end["state"]),
        exit_code=whole(end.get("exit_code")),
        ended=number(end.get("ended")),
        started=_modified(folder.child_file),
        pid=child.pid if child else None,
        note=text(end.get("note")),
    )


def summary_of(folder: JobFolder) -> dict[str, Any]:
    """What exit.json keeps of the other files, so that a list of ended jobs reads one file each."""
    job = folder.read(folder.job_file)
    if job is None:
        return {}
    child = folder.child()
    snapshot = _described(folder, job)
    started = _modified(folder.child_file)
    kept = asdict(replace(snapshot, pid=child.pid if child else None, started=started))
    return {
        key: value for key, value in kept.items() if key not in ("id", "folder", "state", "exit_code", "ended", "note")
    }


def _from_summary(folder: JobFolder, end: Mapping[str, Any]) -> JobSnapshot | None:
    """The job as exit.json alone tells it; None where that was not written by this version."""
    kept = end.get("job")
    if not isinstance(kept, dict) or not kept or end.get("state") not in ENDED:
        return None
    try:
        progress, command = Progress(**kept["progress"]), tuple(kept["command"])
        return JobSnapshot(
            **{**kept, "progress": progress, "command": command},
            id=folder.id, folder=str(folder.path), state=str(end["state"]), exit_code=whole(end.get("exit_code")),
            ended=number(end.get("ended")), note=text(end.get("note")),
        )  # fmt: skip
    except (TypeError, KeyError):
        return None


def _described(folder: JobFolder, job: Mapping[str, Any]) -> JobSnapshot:
    """The snapshot without its state."""
    last = last_progress(folder.progress_file)
    command = job.get("command")
    words = tuple(str(word) for word in command) if isinstance(command, list) else ()
    said = [when for when in (_said(folder.log), _modified(folder.progress_file)) if when is not None]
    return JobSnapshot(
        id=folder.id,
        state="lost",
        title=text(job.get("title")) or " ".join(words),
        command=words,
        created=number(job.get("created")) or _modified(folder.path) or 0.0,
        run_id=text(last.get("run_id")) or text(job.get("run_id")),
        run_name=text(last.get("run_name")) or text(job.get("run_name")),
        folder=str(folder.path),
        progress=progress_of(last),
        silent_since=max(said, default=None),
    )


def _damaged(folder: JobFolder, note: str) -> JobSnapshot:
    created = _modified(folder.path) or 0.0
    return JobSnapshot(folder.id, "lost", folder.id, (), created, folder=str(folder.path), note=note)


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _said(log: Path) -> float | None:
    """When the log was last written to; None while it is empty."""
    try:
        stat = log.stat()
    except OSError:
        return None
    return stat.st_mtime if stat.st_size else None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino
