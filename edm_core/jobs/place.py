"""The files of a job's folder, and when they changed."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edm_core.jobs.identity import ProcessId, process_from_json

HEARTBEAT_SECONDS = 20.0
"""How often a supervisor touches its lock file."""
_HEARTBEATS_MISSED = 6


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
    def times_file(self) -> Path:
        return self.path / "log.times"

    @property
    def alarms_file(self) -> Path:
        return self.path / "alarms.json"

    @property
    def exit_file(self) -> Path:
        return self.path / "exit.json"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop.json"

    @property
    def engine_file(self) -> Path:
        """What the engine said last; there for jobs of other machines only."""
        return self.path / "engine.json"

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
        beat = modified(self.lock_file)
        return beat is not None and time.time() - beat < HEARTBEAT_SECONDS * _HEARTBEATS_MISSED


def modified(path: Path) -> float | None:
    """When the file last changed (Unix seconds); None when it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def stamp(path: Path) -> tuple[int, int] | None:
    """Another one as soon as the file was replaced or written to; None when it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino
