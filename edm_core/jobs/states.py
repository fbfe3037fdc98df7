"""What the files of a job's folder mean: its state, and how it came to it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from edm_core.jobs.alarms import alarms_from_json, not_finite
from edm_core.jobs.identity import ProcessId, process_from_json
from edm_core.jobs.place import JobFolder, modified, stamp
from edm_core.jobs.progress import first_progress, last_progress, number, progress_of, text, whole
from edm_core.jobs.words import read_engine
from edm_core.snapshots.jobs import Alarm, EngineState, JobSnapshot, Progress

ENDED = ("done", "failed", "stopped", "lost")
LOCAL = "local"


def load_job(folder: JobFolder) -> JobSnapshot:
    """What the folder says now."""
    snapshot = None if folder.exit_file.exists() else _live(folder)
    if snapshot is not None and snapshot.state != "lost":
        return snapshot
    # A supervisor writes exit.json before it goes, so a job that looks lost may have ended since the first look.
    ended = stamp(folder.exit_file)
    if snapshot is not None and ended is None:
        return snapshot
    # A job that has ended is read once: its folder does not change any more.
    return _ended(folder, ended, stamp(folder.job_file))


def _live(folder: JobFolder) -> JobSnapshot:
    job = folder.read(folder.job_file)
    if job is None:
        return _damaged(folder, "job.json cannot be read")
    snapshot = _described(folder, job)
    supervisor, child = process_from_json(job.get("supervisor")), folder.child()
    watched = folder.watched(supervisor)
    if snapshot.engine != LOCAL:
        return _elsewhere(folder, snapshot, watched)
    if child is None and not folder.child_file.exists():
        ticket = folder.read(folder.queue_file) or {}
        note = (
            "" if watched or supervisor is None else "its supervisor has gone: it goes on with the next `edm jobs list`"
        )
        held, rank = bool(ticket.get("held")), number(ticket.get("rank"))
        return replace(snapshot, state="queued", note=note, held=held, rank=snapshot.created if rank is None else rank)
    state, note = _state_of_started(watched, child)
    return _started(folder, snapshot, state, note)


def _started(folder: JobFolder, snapshot: JobSnapshot, state: str, note: str) -> JobSnapshot:
    child = folder.child()
    pid = child.pid if child else None
    alarms = _alarms(folder, snapshot.progress) if state == "running" else ()
    progress, first = snapshot.progress, first_progress(folder.progress_file)
    if first is not None:
        progress = replace(progress, first_at=first.at, first_fraction=first.fraction)
    started = modified(folder.child_file)
    return replace(snapshot, state=state, note=note, pid=pid, started=started, progress=progress, alarms=alarms)


def _elsewhere(folder: JobFolder, snapshot: JobSnapshot, watched: bool) -> JobSnapshot:
    """A job of another engine is what the engine says; where its supervisor is seen to live, it runs."""
    there = snapshot.there
    note = f"not known since: {there.error}" if there.error else ""
    runs = there.phase == "running" or (watched and folder.child_file.exists())
    if runs:
        return _started(folder, snapshot, "running", note)
    if there.phase == "ended":
        return _started(folder, snapshot, "running", note or f"{snapshot.engine} says {there.state}; how is being read")
    if there.phase == "gone":
        return replace(snapshot, state="lost", note=note or f"{snapshot.engine} does not know it any more")
    waits = f"{there.state.lower()}: {there.reason}" if there.reason and not there.held else ""
    return replace(snapshot, state="queued", note=note or waits, held=there.held)


def _state_of_started(watched: bool, child: ProcessId | None) -> tuple[str, str]:
    if watched:
        return "running", ""
    if child is not None and child.alive():
        return "running", "its supervisor was killed; the command itself goes on"
    return "lost", "its supervisor was killed, or the machine restarted"


def _alarms(folder: JobFolder, progress: Progress) -> tuple[Alarm, ...]:
    """What the supervisor saw; a loss that is no number also where it has not looked yet, or is dead."""
    found = alarms_from_json((folder.read(folder.alarms_file) or {}).get("alarms"))
    broken = {name: 0 for name, value in progress.metrics.items() if not math.isfinite(value)}
    return (not_finite(broken), *found) if broken and not any(one.kind == "nan" for one in found) else found


@lru_cache(maxsize=8192)
def _ended(folder: JobFolder, exit_stamp: tuple[int, int] | None, job_stamp: tuple[int, int] | None) -> JobSnapshot:
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
        started=modified(folder.child_file),
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
    started = modified(folder.child_file)
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
        read: dict[str, Any] = {"progress": Progress(**kept["progress"]), "command": tuple(kept["command"])}
        return JobSnapshot(
            **{**kept, **read, "there": EngineState(**kept.get("there", {})), "alarms": ()},
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
    engine = text(job.get("engine")) or LOCAL
    there = EngineState() if engine == LOCAL else read_engine(folder, engine)
    said = [when for when in (_said(folder.log), modified(folder.progress_file)) if when is not None]
    return JobSnapshot(
        id=folder.id,
        state="lost",
        title=text(job.get("title")) or " ".join(words),
        command=words,
        created=number(job.get("created")) or modified(folder.path) or 0.0,
        run_id=text(last.get("run_id")) or text(job.get("run_id")),
        run_name=text(last.get("run_name")) or text(job.get("run_name")),
        folder=str(folder.path),
        progress=progress_of(last),
        engine=engine,
        profile=text(job.get("profile")) or "local",
        place=there.place or text(job.get("place")),
        silent_since=max(said, default=None),
        there=there,
    )


def _damaged(folder: JobFolder, note: str) -> JobSnapshot:
    created = modified(folder.path) or 0.0
    return JobSnapshot(folder.id, "lost", folder.id, (), created, folder=str(folder.path), note=note)


def _said(log: Path) -> float | None:
    """When the log was last written to; None while it is empty."""
    try:
        stat = log.stat()
    except OSError:
        return None
    return stat.st_mtime if stat.st_size else None
