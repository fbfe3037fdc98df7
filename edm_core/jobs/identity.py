"""Which process it was: a pid alone is used again by the kernel, a pid with its start and the boot is not."""

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for good: `start` is the kernel's start time of the pid (clock ticks since boot on Linux)."""

    pid: int
    start: str
    boot_id: str
    host: str

    def alive(self) -> bool:
        """Whether exactly this process runs here; a zombie does not."""
        return self.boot_id == boot_id() and bool(self.start) and start_time(self.pid) == self.start

    def elsewhere(self) -> bool:
        """Whether it belongs to another machine (or container), so that nothing can be said of it from here."""
        return self.host != socket.gethostname()

    def send(self, number: signal.Signals, group: bool = False) -> bool:
        """Signal it, or its whole process group; False where it has ended.

        A process that took over its pid is never reached.
        """
        if not self.alive():
            return False
        try:
            if group:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def this_process() -> ProcessId:
    return identify(os.getpid())


def identify(pid: int) -> ProcessId:
    """The process that has this pid now; `start` is "" when there is none."""
    return ProcessId(pid, start_time(pid) or "", boot_id(), socket.gethostname())


def process_from_json(value: object) -> ProcessId | None:
    """What `as_json` wrote; None where it is not that."""
    if not isinstance(value, Mapping):
        return None
    pid, start, boot, host = (value.get(key) for key in ("pid", "start", "boot_id", "host"))
    if isinstance(pid, int) and pid > 0 and isinstance(start, str) and isinstance(boot, str) and isinstance(host, str):
        return ProcessId(pid, start, boot, host)
    return None


def start_time(pid: int) -> str | None:
    """When the process of this pid started; None when there is none, or only a zombie."""
    if not _BOOT_ID.exists():
        return _start_time_elsewhere(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The name in parentheses may itself hold spaces and parentheses, so the fields are counted after the last one.
    rest = stat.rpartition(")")[2].split()
    return None if len(rest) < 20 or rest[0] in ("Z", "X") else rest[19]


def boot_id() -> str:
    """The kernel's name for this boot of the machine."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        import psutil

        return f"{psutil.boot_time():.0f}"


def _start_time_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
