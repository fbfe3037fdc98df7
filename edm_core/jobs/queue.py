"""The jobs that wait for a slot: one ticket each in .edm/queue, in the order of their ranks (arrival, until moved).

A ticket is changed only under the queue's lock, so that a job is either held or started, never both.
"""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edm_core.errors import JobError
from edm_core.files import write_json
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.slots import locked

Place = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A waiting job. Lower ranks start first; held ones let others pass."""

    id: str
    rank: float
    held: bool


def enqueue(folder: JobFolder, rank: float, held: bool) -> None:
    """Give the job its ticket; `rank` is its time of arrival, Unix seconds."""
    with _lock(folder):
        _write(folder, Ticket(folder.id, rank, held))


def waiting(jobs_dir: Path) -> list[Ticket]:
    """The tickets of jobs that still wait, in order."""
    tickets = [_read(path) for path in (jobs_dir.parent / "queue").glob("*.json")]
    return sorted((ticket for ticket in tickets if ticket and _waits(jobs_dir, ticket)), key=_order)


def jobs_ahead(folder: JobFolder) -> int | None:
    """How many jobs take a free slot before this one; None while it is held or has left the queue.

    Jobs without a living supervisor are passed.
    """
    ahead = 0
    for ticket in waiting(folder.path.parent):
        if ticket.id == folder.id:
            return None if ticket.held else ahead
        other = JobFolder(folder.path.parent / ticket.id)
        if not ticket.held and other.watched(other.supervisor()):
            ahead += 1
    return None


def queue_stamp(folder: JobFolder) -> int:
    """Changes whenever a ticket does (they are replaced, never written into)."""
    return folder.queue_file.parent.stat().st_mtime_ns


def withdraw(folder: JobFolder, unless_held: bool = False) -> bool:
    """Take the job out of the queue. With `unless_held`, False and no change when it was put on hold meanwhile."""
    with _lock(folder):
        ticket = _read(folder.queue_file)
        if unless_held and ticket is not None and ticket.held:
            return False
        folder.queue_file.unlink(missing_ok=True)
        return True


def hold(folder: JobFolder, held: bool) -> None:
    """Keep a waiting job from starting, or let it go on. Raises JobError when it does not wait."""
    with _lock(folder):
        ticket = _waiting_ticket(folder)
        _write(folder, Ticket(folder.id, ticket.rank, held))


def move(folder: JobFolder, place: Place | JobFolder) -> None:
    """Put a waiting job first, last, or just before another waiting one. Raises JobError when one does not wait."""
    with _lock(folder):
        ticket = _waiting_ticket(folder)
        others = [other for other in waiting(folder.path.parent) if other.id != folder.id]
        rank = _rank(ticket, others, place)
        _write(folder, Ticket(folder.id, rank, ticket.held))


def _rank(ticket: Ticket, others: list[Ticket], place: Place | JobFolder) -> float:
    if not others:
        return ticket.rank
    if place == "first":
        return others[0].rank - 1.0
    if place == "last":
        return others[-1].rank + 1.0
    at = next((index for index, other in enumerate(others) if other.id == place.id), None)
    if at is None:
        raise JobError(f"job {place.id} does not wait", "`edm jobs list` shows which jobs do.")
    before = others[at - 1].rank if at else others[0].rank - 2.0
    return (before + others[at].rank) / 2


def _waiting_ticket(folder: JobFolder) -> Ticket:
    ticket = _read(folder.queue_file)
    if ticket is None or not _waits(folder.path.parent, ticket):
        raise JobError(
            f"job {folder.id} does not wait for a slot", "Only waiting jobs can be held, moved or cancelled."
        )
    return ticket


def _waits(jobs_dir: Path, ticket: Ticket) -> bool:
    folder = JobFolder(jobs_dir / ticket.id)
    return folder.job_file.exists() and not folder.child_file.exists() and not folder.exit_file.exists()


def _order(ticket: Ticket) -> tuple[float, str]:
    return ticket.rank, ticket.id


def _read(path: Path) -> Ticket | None:
    try:
        value = json.loads(path.read_bytes())
        return Ticket(path.stem, float(value["rank"]), bool(value["held"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(folder: JobFolder, ticket: Ticket) -> None:
    write_json(folder.queue_file, {"rank": ticket.rank, "held": ticket.held})


def _lock(folder: JobFolder) -> AbstractContextManager[None]:
    return locked(folder.queue_file.parent / "lock")
