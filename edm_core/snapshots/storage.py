"""What the disk holds, and what would be lost with this machine, at one moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OnlyHere:
    """Something kept that no remote is known to hold."""

    run: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class LocalCommit:
    """A commit that no git remote holds: its hash, first line, when (Unix seconds), and the branch it is on ("" for a
    detached HEAD)."""

    id: str
    subject: str
    at: float
    branch: str
    current: bool = True
    """Whether the branch that is checked out holds it, so that a push sends it."""


@dataclass(frozen=True, slots=True)
class Safety:
    """What would be lost with this machine. Nothing was asked of a remote: what was verified there is remembered."""

    only_here: tuple[OnlyHere, ...] = ()
    commits: tuple[LocalCommit, ...] = ()
    """The newest commits that no git remote holds; `commit_count` counts all of them."""
    commit_count: int = 0
    uncommitted: tuple[str, ...] = ()
    """Kept runs whose pointers are not committed as they are."""
    not_kept: tuple[str, ...] = ()
    """Run folders that nobody kept: they are only here, by choice."""
    remote: str = ""
    git_remote: bool = False
    rate: float | None = None
    """Bytes a second of the last push; None while none was measured."""

    @property
    def safe(self) -> bool:
        """Whether this machine may be lost without losing anything kept."""
        return not (self.only_here or self.commit_count or self.uncommitted)

    @property
    def other_branches(self) -> tuple[str, ...]:
        """Branches that hold commits which a push of the current one does not send."""
        return tuple(dict.fromkeys(one.branch for one in self.commits if not one.current and one.branch))

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.only_here)

    @property
    def seconds(self) -> float | None:
        """How long a push of all of it may take; None where nobody knows."""
        return self.bytes / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes and number of files below a folder; not `whole` where the counting was cut short: then it is at least so
    much."""

    bytes: int = 0
    files: int = 0
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Shared:
    """Files of DVC's cache that these kept runs have in common: they take their space once."""

    runs: tuple[str, ...]
    bytes: int
    files: int
