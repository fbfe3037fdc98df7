"""What a push or a pull under way said of itself at one moment."""

from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["wait", "look", "data", "verify", "checkout", "git"]
PHASES: tuple[Phase, ...] = ("wait", "look", "data", "verify", "checkout", "git")
TransferState = Literal["running", "done", "failed", "stopped", "lost"]


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far it is: bytes and files of those that the other side lacked; `at` is Unix seconds."""

    phase: Phase = "wait"
    bytes_done: int = 0
    bytes_total: int = 0
    files_done: int = 0
    files_total: int = 0
    rate: float = 0.0
    """Bytes a second over the last ten seconds; 0.0 while nobody knows."""
    eta: float | None = None
    """Seconds to go for the data; None while nobody knows."""
    waiting_for: str = ""
    """Who holds the lock that is waited for: `pid 12 (edm push, for 3 s)`; "" when nothing is waited for."""
    text: str = ""
    """The last line of narration."""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class TransferSnapshot:
    """A push or pull and its folder; `lost` when its process went without a word."""

    id: str
    verb: str
    """push or pull."""
    targets: tuple[str, ...]
    """Run folders asked for by name; empty for all."""
    state: TransferState
    created: float
    folder: str
    pid: int = 0
    ended: float | None = None
    progress: TransferProgress = field(default_factory=TransferProgress)
    title: str = ""
    """What the end was called: the outcome's title."""
    message: str = ""
    """Why it failed or was stopped."""
    hint: str = ""

    @property
    def active(self) -> bool:
        return self.state == "running"
