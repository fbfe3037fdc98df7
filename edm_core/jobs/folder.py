"""A job is a folder: what is in it, and what it says of the job at this moment.

    .edm/jobs/ID/
        job.json        what was asked for, and which process watches over it
        child.json      which process does the work; it is there before the first instruction of the command
        log             what the command printed
        log.times       how long the log was, and when
        progress.jsonl  where a training is, one record a line
        alarms.json     early warnings, as its supervisor saw them
        exit.json       how it ended
        stop.json       somebody asked it to stop
        engine.json     what the engine (Slurm, another host) said of it last
        lock            held by the supervisor for as long as it lives; its modification time is the heartbeat

Only the standard library is used, and only the tails of files are read: the TUI asks in its first frame.
"""

import math
import os
import secrets
import time
from pathlib import Path

from edm_core.errors import NotFoundError
from edm_core.jobs.place import HEARTBEAT_SECONDS, JobFolder, modified, stamp
from edm_core.jobs.states import ENDED, load_job
from edm_core.snapshots.jobs import SILENT_MINUTES, JobSnapshot

__all__ = ["ENDED", "HEARTBEAT_SECONDS", "JobFolder", "find_job", "jobs_token", "load_job", "load_jobs", "new_job_id"]
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# An exit.json is never taken back, so this only saves asking again.
_known_to_have_ended: set[Path] = set()


def new_job_id(now: float) -> str:
    """An id such as 20261123-171203-ab12: UTC, and sorted by time to the millisecond (its last four characters)."""
    milliseconds = int(now * 1000) % 1000
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    fraction = _DIGITS[milliseconds // 36] + _DIGITS[milliseconds % 36]
    return f"{stamp}-{fraction}{secrets.choice(_DIGITS)}{secrets.choice(_DIGITS)}"


def load_jobs(jobs_dir: Path) -> tuple[JobSnapshot, ...]:
    """Every job of the folder, newest first. A damaged one is `lost` with the reason as its note; nothing is raised."""
    return tuple(load_job(JobFolder(jobs_dir / name)) for name in sorted(_names(jobs_dir), reverse=True))


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
            live = (folder.job_file, folder.child_file, folder.progress_file, folder.stop_file, folder.queue_file,
                    folder.alarms_file, folder.engine_file)  # fmt: skip
            child = folder.child()
            alive = folder.watched(folder.supervisor()), child is not None and child.alive()
            token.append((name, *alive, silence(folder), *(stamp(path) for path in live)))
    return tuple(token)


def silence(folder: JobFolder) -> int:
    """How long a job has said nothing, in steps that grow: what is shown of it changes with the step, not with time."""
    said = max((modified(path) or 0.0 for path in (folder.log, folder.progress_file)), default=0.0)
    minutes = (time.time() - said) / 60
    return 0 if minutes < SILENT_MINUTES else int(math.log2(minutes / SILENT_MINUTES) * 4) + 1


def _names(jobs_dir: Path) -> list[str]:
    try:
        with os.scandir(jobs_dir) as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []
