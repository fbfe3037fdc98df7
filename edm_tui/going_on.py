"""What goes on: verbs in child processes, whom they wait for, and the push or pull, whoever began it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edm_tui.formatting import clean, duration, size

if TYPE_CHECKING:
    from edm_core.snapshots.transfers import TransferSnapshot

_PHASES = {"look": "looking what is lacking", "verify": "verifying", "checkout": "checking out", "git": "git"}
_PID = re.compile(r"pid (\d+) ")


@dataclass(slots=True)
class Act:
    """One verb that goes on or waits for its lane; written by the thread that waits for its child."""

    title: str
    pid: int = 0
    """Its process; 0 while it waits for its lane."""
    doing: str = ""
    """What it does now, where it says so."""
    waits_for: str = ""
    """Who holds the lock that it wants: `pid 12 (dvc add data, for 3 s)`."""

    @property
    def held_by(self) -> str:
        """As `waits_for`, but "" once that process has gone: the verb has not said yet that it goes on."""
        named = _PID.search(self.waits_for)
        return "" if named and not Path(f"/proc/{named[1]}").exists() else self.waits_for


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell once."""

    level: Literal["information", "warning", "error"]
    text: str
    data_changed: bool = False


class GoingOn:
    """One for each app."""

    def __init__(self, transfers_dir: Path) -> None:
        self.acts: list[Act] = []
        self.standing: dict[str, str] = {}
        """What stays on until it is stopped, such as TensorBoard: its name and what is said of it."""
        self.found: dict[str, dict[str, str]] = {}
        """What checks of model versions found, by version and check, since the program was started."""
        self.transfer: TransferSnapshot | None = None
        """The push or pull that goes on in the workspace."""
        self._dir = transfers_dir
        self._token: object = ()
        self._told: dict[int, str] = {}

    @contextmanager
    def doing(self, title: str) -> Iterator[Act]:
        """An action for as long as it goes on."""
        act = Act(title)
        self.acts.append(act)
        try:
            yield act
        finally:
            self.acts.remove(act)

    def words(self) -> list[str]:
        """One phrase each; a push or pull with its progress in the place of its title."""
        shown = self.transfer
        words = [transfer_words(shown)] if shown is not None else []
        for act in list(self.acts):
            if act.held_by:
                words.append(f"{act.title}: waiting for {clean(act.held_by)}")
            elif shown is None or act.pid != shown.pid:
                words.append(f"{act.title}: {clean(act.doing)}" if act.doing else act.title)
        return [*words, *self.standing.values()]

    def news(self) -> list[News]:
        """Look at the transfers again; what is to be told since the last time."""
        return [*self._waiting(), *self._transfers()]

    def _waiting(self) -> list[News]:
        waiting = {act.pid: act.held_by for act in list(self.acts) if act.pid and act.held_by}
        fresh = [act for act in list(self.acts) if act.pid in waiting and act.pid not in self._told]
        self._told = waiting
        return [News("warning", f"{act.title} waits for {clean(act.waits_for)}") for act in fresh]

    def _transfers(self) -> list[News]:
        # Names processes, with a library that the first frame does without.
        from edm_core.jobs.transfers import active_transfer, load_transfer, transfers_token

        before, token = self.transfer, transfers_token(self._dir)
        # One whose process was killed changes nothing any more, so what goes on is looked at each time.
        if token == self._token and before is None:
            return []
        self._token = token
        self.transfer = active_transfer(self._dir)
        if before is None or (self.transfer is not None and self.transfer.id == before.id):
            return []
        ours = before.pid in {act.pid for act in list(self.acts)}
        return [] if ours else ended(load_transfer(Path(before.folder)))


def ended(transfer: "TransferSnapshot") -> list[News]:
    """What to tell of a push or pull that somebody else began."""
    if transfer.active:
        return []
    if transfer.state == "done":
        return [News("information", clean(transfer.title or f"{transfer.verb} is done"), data_changed=True)]
    again = f"what has arrived stays, `edm {transfer.verb}` goes on"
    why = {"lost": "its process was killed", "stopped": "it was stopped"}.get(transfer.state, transfer.message)
    return [News("error", clean(f"{transfer.verb}: {why}; {transfer.hint or again}"), data_changed=True)]


def transfer_words(transfer: "TransferSnapshot") -> str:
    """`pushing 62% 1.1/1.8 GB 52 MB/s 14s`, or what it is at."""
    progress, doing = transfer.progress, f"{transfer.verb}ing"
    if progress.waiting_for:
        return f"{transfer.verb}: waiting for {clean(progress.waiting_for)}"
    if progress.phase != "data" or not progress.bytes_total:
        return f"{doing}: {_PHASES.get(progress.phase, 'begins')}"
    parts = [f"{100 * progress.bytes_done // progress.bytes_total}%", of(progress.bytes_done, progress.bytes_total)]
    parts += [f"{size(int(progress.rate))}/s"] if progress.rate else []
    parts += [duration(max(1.0, progress.eta))] if progress.eta is not None else []
    return " ".join((doing, *parts))


def of(done: int, total: int) -> str:
    """`1.1/1.8 GB`: both in the unit of the whole."""
    number, unit = size(total).split()
    scale = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]
    return f"{done / scale:.{1 if '.' in number else 0}f}/{number} {unit}"
