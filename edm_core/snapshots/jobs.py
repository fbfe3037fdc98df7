"""What a job's folder says at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SILENT_MINUTES = 10
"""From when on it is worth saying that a job says nothing."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An early warning about a running job. `kind` is one word for a cell: nan, flat, disk, memory."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is: epochs count from 1, batches within the epoch; `at` is Unix seconds of the record."""

    at: float = 0.0
    epoch: int = 0
    epochs: int = 0
    batch: int = 0
    batches: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    first_at: float | None = None
    """When the first record was written, and the share that was done then: the pace is counted from there, because
    what comes before (imports, reading the data) says nothing of it."""
    first_fraction: float = 0.0
    step: int | None = None
    """MLflow's step of the metrics, where the progress was read from there; else epochs are the steps."""

    @property
    def fraction(self) -> float:
        """Share of the whole training that is done, 0 to 1."""
        if not self.epochs:
            return 0.0
        within = self.batch / self.batches if self.batches else 0.0
        return min(1.0, max(0.0, (self.epoch - 1 + within) / self.epochs))


@dataclass(frozen=True, slots=True)
class EngineState:
    """Where a job is, in the words of the engine that runs it. A job of this machine has only the name."""

    name: str = "local"
    id: str = ""
    """The engine's own name for the job, such as Slurm's number."""
    phase: str = "unsent"
    """What `state` comes to: unsent, queued, running, ended or gone (the engine knows it no more)."""
    state: str = ""
    """As the engine says it, such as PENDING."""
    reason: str = ""
    """Why it waits or ended, in the engine's words."""
    place: str = ""
    """The node or host."""
    held: bool = False
    ends: float | None = None
    """When the engine will end it, or has ended it (Unix seconds)."""
    restarts: int = 0
    error: str = ""
    """Why the engine cannot be asked; all else is then what it said before `error_since` (Unix seconds)."""
    error_since: float | None = None

    def words(self, now: float, active: bool = True) -> str:
        """One phrase for a list; "" for a job of this machine. Of one that has ended, only where it ran."""
        if self.name == "local":
            return ""
        if not active:
            return f"{self.name} {self.id}".rstrip() + (f" on {self.place}" if self.place else "")
        left = "" if self.ends is None or self.phase != "running" else f", {_span(self.ends - now)} left"
        reason = f" ({self.reason})" if self.reason else ""
        again = f", restart {self.restarts}" if self.restarts else ""
        words = f"{self.name} {self.id} {self.state.lower()}{reason}".replace("  ", " ").rstrip()
        stale = f" as of {_span(now - self.error_since)} ago" if self.error_since is not None else ""
        return words + (f" on {self.place}" if self.place else "") + left + again + stale


def _span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for least, size, unit in ((172_800, 86_400, "d"), (7200, 3600, "h"), (60, 60, "min")):
        if seconds >= least:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job: our child process and its folder.

    `state` is one of queued, running, done, failed, stopped, lost; times are Unix seconds.
    """

    id: str
    state: str
    title: str
    command: tuple[str, ...]
    created: float
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    pid: int | None = None
    run_id: str = ""
    run_name: str = ""
    folder: str = ""
    progress: Progress = field(default_factory=Progress)
    silent_since: float | None = None
    """When the job last said something (log or progress); None when it never did."""
    note: str = ""
    """What the state alone does not tell, such as "its supervisor was killed"; "" when all is as it should be."""
    held: bool = False
    """A queued job that waits until it is released."""
    rank: float = 0.0
    """A queued job's place in line: lower ranks start first."""
    engine: str = "local"
    """What runs it: `local`, or the engine of its profile."""
    profile: str = "local"
    """The profile of edm.toml that it was launched by."""
    alarms: tuple[Alarm, ...] = ()
    """What is going wrong while it still runs."""
    place: str = ""
    """Where it runs, in its engine's words: `gpu 1`, a node, a host; "" where there is nothing to say."""
    there: EngineState = field(default_factory=EngineState)
    """What the engine says of it, for a job that runs elsewhere."""

    def silent_minutes(self, now: float) -> int:
        """For how many minutes a running job has said nothing; 0 where that is not worth a word."""
        if self.state != "running" or self.silent_since is None:
            return 0
        minutes = int((now - self.silent_since) / 60)
        return minutes if minutes >= SILENT_MINUTES else 0

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    def eta_seconds(self, now: float) -> float | None:
        """Seconds to the end at the pace so far; None where nothing can be said."""
        last = self.progress
        since = self.started if last.first_at is None else last.first_at
        done = last.fraction - last.first_fraction
        if self.state != "running" or since is None or done <= 0:
            return None
        return max(0.0, (last.at - since) / done * (1 - last.fraction) - (now - last.at))
