"""What a job's processes take of the machine now: processor and memory of the whole tree, and its GPUs."""

import csv
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edm_core.jobs.identity import ProcessId

GPU_SECONDS = 4.0
"""How long the GPUs' figures are believed: asking for them starts a process."""
_TIMEOUT = 5.0
_QUERY = ("--query-gpu=index,uuid,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One GPU: `busy` in percent, memory in bytes."""

    index: str
    uuid: str
    busy: float
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu` in percent of one core (None with the first sample), `rss` in bytes."""

    cpu: float | None
    rss: int
    processes: int
    gpus: tuple[GpuUse, ...] = ()


class UsageProbe:
    """Sampled every few seconds, in a thread. `visible` are the GPUs of the job in CUDA's words; () for all."""

    def __init__(self, process: ProcessId, visible: Sequence[str] = ()) -> None:
        self._process, self._visible = process, tuple(visible)
        self._last: tuple[float, float] | None = None
        self._gpus: tuple[float, tuple[GpuUse, ...]] = (0.0, ())

    def sample(self) -> Usage | None:
        """None where the process has ended, or runs on another machine."""
        import psutil

        if self._process.elsewhere() or not self._process.alive():
            return None
        try:
            root = psutil.Process(self._process.pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            return None
        rss, spent, count = 0, 0.0, 0
        for one in tree:
            try:
                with one.oneshot():
                    times = one.cpu_times()
                    # What ended children took is in their parent's account.
                    spent += times.user + times.system + times.children_user + times.children_system
                    rss += one.memory_info().rss
                    count += 1
            except psutil.Error:
                continue
        return Usage(self._share(spent), rss, count, self._gpus_now())

    def _share(self, spent: float) -> float | None:
        now, before = time.monotonic(), self._last
        self._last = (now, spent)
        if before is None or now <= before[0]:
            return None
        return max(0.0, 100 * (spent - before[1]) / (now - before[0]))

    def _gpus_now(self) -> tuple[GpuUse, ...]:
        now = time.monotonic()
        if not self._gpus[0] or now - self._gpus[0] > GPU_SECONDS:
            found = query_gpus()
            mine = [gpu for gpu in found if not self._visible or {gpu.index, gpu.uuid} & set(self._visible)]
            self._gpus = (now, tuple(mine))
        return self._gpus[1]


def query_gpus() -> tuple[GpuUse, ...]:
    """All GPUs of the machine as nvidia-smi sees them; () where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, timeout=_TIMEOUT, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_gpus(done.stdout) if done.returncode == 0 else ()


def parse_gpus(text: str) -> tuple[GpuUse, ...]:
    """nvidia-smi's lines; a figure that a GPU does not give ("[N/A]") counts as 0."""
    found = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) == 5:
            busy, used, total = (float(cell) if cell.replace(".", "", 1).isdigit() else 0.0 for cell in row[2:])
            found.append(GpuUse(row[0], row[1], busy, int(used * 1024**2), int(total * 1024**2)))
    return tuple(found)
