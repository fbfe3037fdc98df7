"""A push or pull under way writes down where it is, so that whoever looks at its folder can follow it."""

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from edm_core.errors import ActionError, EdmError
from edm_core.files import append_json_line, write_json
from edm_core.jobs.folder import new_job_id
from edm_core.jobs.identity import this_process
from edm_core.jobs.place import JobFolder
from edm_core.jobs.transfers import load_transfer, load_transfers, stop_transfer
from edm_core.lock import WAITING, Say, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.transfers import Phase, TransferProgress
from edm_core.stores.redact import without_password
from edm_core.workspace import Workspace

Watch = Callable[[TransferProgress], None]
KEPT = 20
"""Folders of transfers that have ended which stay to be looked at."""
_WINDOW_SECONDS = 10.0
_EVERY_SECONDS = 0.5
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 30.0


def nobody(_: TransferProgress) -> None:
    """Where nobody watches."""


class Transfer:
    """One push or pull: what it says and how far it is goes to its folder, to `say` and to `watch`."""

    def __init__(self, folder: JobFolder, say: Say, watch: Watch) -> None:
        self.folder, self._say, self._watch = folder, say, watch
        self._progress = TransferProgress()
        self._samples: deque[tuple[float, int]] = deque()
        self._written = 0.0
        self._outcome: Outcome | None = None

    def say(self, line: str) -> None:
        """Narrate; a line that begins with WAITING names whoever holds a lock."""
        self._say(line)
        holder = line.removeprefix(WAITING) if line.startswith(WAITING) else ""
        phase: Phase = "wait" if holder else self._progress.phase
        self._write(replace(self._progress, phase=phase, waiting_for=without_password(holder),
                            text=without_password(line)))  # fmt: skip

    def phase(self, phase: Phase) -> None:
        self._write(replace(self._progress, phase=phase, waiting_for=""))

    def data(self, phase: Phase, done: int, total: int, files: int, files_total: int) -> None:
        """So many bytes and files of the total have arrived."""
        now = time.time()
        if total != self._progress.bytes_total or done < self._progress.bytes_done:
            self._samples.clear()
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_SECONDS:
            self._samples.popleft()
        (then, before), begun = self._samples[0], len(self._samples) > 1
        rate = (done - before) / max(0.001, now - then) if begun else 0.0
        progress = TransferProgress(
            phase, done, total, files, files_total, round(rate, 1), (total - done) / rate if rate > 0 else None,
            text=self._progress.text,
        )  # fmt: skip
        moved_on = phase != self._progress.phase or total != self._progress.bytes_total
        if moved_on or done >= total or now - self._written >= _EVERY_SECONDS:
            self._write(progress)

    def end(self, outcome: Outcome) -> Outcome:
        """Remember how it ended; it is written down when the transfer is left."""
        self._outcome = outcome
        return outcome

    def _write(self, progress: TransferProgress) -> None:
        now = time.time()
        self._written, self._progress = now, replace(progress, at=now)
        self._watch(self._progress)
        append_json_line(self.folder.progress_file, {**asdict(self._progress), "t": now})

    def close(self, error: BaseException | None) -> None:
        end: dict[str, object] = {"state": "done", "ended": time.time()}
        if self._outcome is not None:
            end |= {"title": self._outcome.title, "detail": self._outcome.detail}
        if isinstance(error, EdmError):
            end |= {"state": "failed", "message": without_password(error.message), "hint": without_password(error.hint)}
        elif isinstance(error, Exception):
            end |= {"state": "failed", "message": without_password(f"{type(error).__name__}: {error}")}
        elif error is not None:
            end |= {"state": "stopped", "message": "it was stopped; what has arrived stays"}
        write_json(self.folder.exit_file, end)


@contextmanager
def transfer(
    workspace: Workspace, verb: str, targets: Sequence[str], say: Say = quiet, watch: Watch = nobody
) -> Iterator[Transfer]:
    """The folder of a transfer for as long as it goes on; how it ended is written down, whatever happens."""
    _forget_old(workspace.transfers_dir)
    now = time.time()
    folder = JobFolder(workspace.transfers_dir / new_job_id(now))
    write_json(folder.job_file, {
        "verb": verb, "targets": list(targets), "created": now, "process": this_process().as_json(),
    })  # fmt: skip
    made = Transfer(folder, say, watch)
    try:
        yield made
    except BaseException as error:
        # A full disk must not hide why the transfer itself stopped.
        with suppress(OSError):
            made.close(error)
        raise
    made.close(None)


def stop_transfers(workspace: Workspace, verb: str) -> Outcome:
    """Stop every push (or pull) that goes on or waits, and wait until it has ended; what has arrived stays.

    Raises ActionError where there is none, or one that does not end.
    """
    active = [one for one in load_transfers(workspace.transfers_dir) if one.active and one.verb == verb]
    if not active:
        raise ActionError(f"no {verb} goes on here", f"`edm {verb}` begins one.")
    asked = [one for one in active if stop_transfer(one)]
    end = time.monotonic() + _STOP_SECONDS
    while busy := [one for one in asked if load_transfer(Path(one.folder)).active]:
        if time.monotonic() > end:
            raise ActionError(f"the {verb} of pid {busy[0].pid} was asked to stop and has not yet", "Look again soon.")
        time.sleep(_LOOK_SECONDS)
    told = f"what has arrived stays; `edm {verb}` goes on from there"
    return Outcome(f"stopped the {verb}", told, "done", ("runs", "data"), {"stopped": [one.id for one in asked]})


def _forget_old(folder: Path) -> None:
    ended = [found for found in load_transfers(folder) if not found.active]
    for old in ended[KEPT:]:
        shutil.rmtree(old.folder, ignore_errors=True)
