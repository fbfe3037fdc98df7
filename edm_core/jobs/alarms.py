"""Early warnings about a running job: a loss that is no number, no improvement, a disk or memory nearly full."""

import contextlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edm_core.settings import Settings
from edm_core.snapshots.jobs import Alarm, Progress

_MEMORY_SHARE = 0.95
_CGROUPS = Path("/sys/fs/cgroup")
_GB = 1e9


@dataclass
class Trend:
    """What a job's metrics say as they come: which are no numbers, and since when the primary one has not improved."""

    settings: Settings
    best: float | None = None
    best_epoch: int = 0
    epoch: int = 0
    patience: int = 0
    broken: dict[str, int] = field(default_factory=dict)

    def add(self, progress: Progress) -> None:
        """One record."""
        if not progress.metrics:
            return
        self.epoch = max(self.epoch, progress.epoch)
        self.patience = _patience(self.settings.launch.warn_epochs, progress)
        for name, number in progress.metrics.items():
            if math.isfinite(number):
                self.broken.pop(name, None)
            else:
                self.broken.setdefault(name, progress.epoch)
        metrics = self.settings.metrics
        value = progress.metrics.get(metrics.primary)
        if value is None or not math.isfinite(value):
            return
        if self.best is None or (value < self.best if metrics.minimised(metrics.primary) else value > self.best):
            self.best, self.best_epoch = value, progress.epoch

    def alarms(self) -> list[Alarm]:
        found = [not_finite(self.broken)] if self.broken else []
        since = self.epoch - self.best_epoch
        if self.patience and self.best is not None and since >= self.patience:
            found.append(no_improvement(self.settings.metrics.primary, since, self.best_epoch))
        return found


def _patience(epochs: int, progress: Progress) -> int:
    """After how many epochs without improvement that is said; 0 for never.

    What a script calls a step may be an epoch or a batch: there it takes a tenth of the whole too, where that is known.
    """
    if progress.step is None or not epochs:
        return epochs
    return max(epochs, progress.epochs // 10) if progress.epochs else 0


def not_finite(broken: Mapping[str, int]) -> Alarm:
    """Metrics that are NaN or infinite, and the epoch since when."""
    names = sorted(broken)
    since = min(broken.values())
    where = f" since epoch {since}" if since else ""
    return Alarm("nan", f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not finite{where}")


def no_improvement(metric: str, epochs: int, best_epoch: int) -> Alarm:
    """The primary metric has not improved for so long."""
    return Alarm("flat", f"{metric} has not improved for {epochs} epochs (best at {best_epoch})")


def disk_alarm(folder: Path, least_gb: int) -> Alarm | None:
    """The disk that holds `folder` has less than so much left."""
    with contextlib.suppress(OSError):
        stat = os.statvfs(folder)
        free = stat.f_bavail * stat.f_frsize
        if free < least_gb * _GB:
            return Alarm("disk", f"the disk is nearly full: {free / _GB:.1f} GB left")
    return None


def memory_alarm(pid: int, proc: Path = Path("/proc"), cgroups: Path = _CGROUPS) -> Alarm | None:
    """The machine, or the group of processes that this one is counted in, is near its limit of memory."""
    used = max((_machine_memory(proc), _group_memory(pid, proc, cgroups)), key=lambda one: one[0] / one[1])
    if used[0] / used[1] < _MEMORY_SHARE:
        return None
    return Alarm("memory", f"memory is nearly full: {used[0] / _GB:.1f} of {used[1] / _GB:.1f} GB")


def _machine_memory(proc: Path) -> tuple[float, float]:
    """(used, in all) in bytes."""
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
        return float(sizes["MemTotal"] - sizes["MemAvailable"]), float(sizes["MemTotal"])
    except (OSError, KeyError, ValueError):
        return 0.0, 1.0


def _group_memory(pid: int, proc: Path, cgroups: Path) -> tuple[float, float]:
    """(used, limit) of the nearest control group with a limit (version 2); cache that can be dropped counts not."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0, 1.0
    path = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    for folder in (cgroups / path, *(cgroups / path).parents):
        if not folder.is_relative_to(cgroups):
            break
        with contextlib.suppress(OSError, ValueError):
            limit = float((folder / "memory.max").read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            return float((folder / "memory.current").read_text()) - float(stat.get("inactive_file", 0)), limit
    return 0.0, 1.0


def alarms_from_json(value: Any) -> tuple[Alarm, ...]:
    """What `Alarm`s were written as; () where it is not that."""
    if not isinstance(value, list):
        return ()
    pairs = ((one.get("kind"), one.get("text")) for one in value if isinstance(one, dict))
    return tuple(Alarm(kind, text) for kind, text in pairs if isinstance(kind, str) and isinstance(text, str))
