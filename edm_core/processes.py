"""Naming a process so that it can be told later whether it still lives, though pids are used again."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import psutil


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process: its pid, start (Unix seconds), the boot of the machine that it ran in, and the machine's name."""

    pid: int = 0
    start: float = 0.0
    boot_id: str = ""
    host: str = ""

    def here(self) -> bool:
        """Whether it ran on this machine, so that something can be said of it."""
        return self.host in ("", socket.gethostname())

    def alive(self) -> bool:
        """Whether it still runs; a process of another machine is taken to be alive, for nobody here can know."""
        if not self.here():
            return True
        if self.pid <= 0 or (self.boot_id and self.boot_id != boot_id()):
            return False
        start = start_of(self.pid)
        return start is not None and (not self.start or abs(start - self.start) < 2.0)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "ProcessMark":
        return cls(
            _int(raw.get("pid")), _float(raw.get("start")), str(raw.get("boot_id", "")), str(raw.get("host", ""))
        )

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> "ProcessMark":
        """The training process that a run's tags name; pid 0 when they name none."""
        return cls(
            _int(tags.get("edm.pid")),
            _float(tags.get("edm.pid_start")),
            tags.get("edm.boot_id", ""),
            tags.get("edm.host", ""),
        )


def own_mark() -> ProcessMark:
    """This process."""
    pid = os.getpid()
    return ProcessMark(pid, start_of(pid) or 0.0, boot_id(), socket.gethostname())


@cache
def boot_id() -> str:
    """What names this boot of the machine; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_of(pid: int) -> float | None:
    """When the process started (Unix seconds); None when there is none, or only its zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        # It is there, though its start is not ours to see.
        return 0.0


def command_of(pid: int) -> str:
    """The command line of a process as one line, shortened; "" when it cannot be seen."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    words = " ".join(raw.decode(errors="replace").replace("\0", " ").split())
    return words if len(words) <= 120 else words[:117] + "..."


def _int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def run_in_shell(command: str, folder: Path, env: Mapping[str, str], words: IO[Any], seconds: float) -> int | None:
    """The status that a command of the user's ends with; None where it did not end in time and was ended, with all that
    it started. What it says goes into the file `words`, so that what it leaves in the background holds nobody up."""
    child = subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=words,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return None
