"""The process that watches over one job: `python -m edm_core.jobs.supervisor JOBDIR`.

It waits for a slot, starts the command, passes signals on, and writes down how it ended. It lives in a session of its
own, so that nothing that happens to a terminal reaches it, and it imports nothing heavy, because there is one for
every job.
"""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edm_core.errors import EdmError, JobError
from edm_core.files import write_json
from edm_core.jobs.bell import Bell
from edm_core.jobs.capture import capture, list_packages
from edm_core.jobs.child import child_environment, resolve, start_child
from edm_core.jobs.ending import Ending, ending_of, finish, write_ending
from edm_core.jobs.folder import HEARTBEAT_SECONDS, JobFolder
from edm_core.jobs.gpus import gpu_environment, slot_count
from edm_core.jobs.identity import this_process
from edm_core.jobs.logtimes import LogClock
from edm_core.jobs.lookout import Lookout
from edm_core.jobs.queue import enqueue, jobs_ahead, queue_stamp, withdraw
from edm_core.jobs.rotation import trim_log
from edm_core.jobs.slots import Slot, take_slot, try_lock
from edm_core.workspace import Workspace, find_workspace

GRACE_SECONDS = 10.0
"""How long a command may take to end after SIGTERM, before SIGKILL."""
_TURN_SECONDS = 0.2
_PLACE_SECONDS = 3.0
_CLOCK_SECONDS = 1.0
"""To which the time of a line in the log is known."""
_CANNOT_RUN, _NOT_FOUND = 126, 127
READY, TAKEN = b"ready", b"taken"


@dataclass(frozen=True, slots=True)
class _Place:
    """The job's place in the queue, as it was read with this stamp, believed until then (monotonic seconds)."""

    stamp: int = 0
    until: float = 0.0
    ahead: int | None = None


@dataclass
class Supervisor:
    """One job's life, from the queue to its end."""

    folder: JobFolder
    job: dict[str, Any]
    workspace: Workspace
    bell: Bell = field(default_factory=Bell)
    command: list[str] = field(default_factory=list)
    """What is run, where that is not the job's own command as it stands."""
    _beaten: float = 0.0
    _place: _Place = _Place()
    _fatal: str = ""

    def run(self) -> None:
        free = bool(self.job.get("free"))
        slot = None if free else self._wait_for_slot()
        if slot is None and (not free or self._stopping()):
            if self.folder.stop_file.exists():
                write_ending(self.folder, Ending("stopped", note="stopped before it started"))
                withdraw(self.folder)
            # Told to end from outside, as at a shutdown: the job keeps its place and goes on later.
            return
        ending = self.run_command(slot)
        # The end is written before the slot is free, and the slot is free before MLflow, which may take its time.
        while not self._written(ending):
            time.sleep(_CLOCK_SECONDS)
        if slot is not None:
            slot.release()
        self.finish(ending)

    def _written(self, ending: Ending) -> bool:
        """Whether the end could be written: on a full disk it is only known here, so that is waited for."""
        try:
            if not self.folder.job_file.exists():
                # Somebody removed the folder meanwhile: how the job ended is known by its name all the same.
                write_json(self.folder.job_file, self.job)
            write_ending(self.folder, ending)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return False
        return True

    def finish(self, ending: Ending) -> None:
        """Write the end down, if that is not done yet, and tell all who want to know."""
        finish(self.folder, self.workspace, ending)

    def _wait_for_slot(self) -> Slot | None:
        if not self.folder.queue_file.exists():
            # The supervisor before this one was killed after it had left the queue and before the command started.
            enqueue(self.folder, float(self.job["created"]), held=False)
        while not self._stopping():
            ahead = self._jobs_ahead()
            if ahead == 0:
                slot = take_slot(self.workspace.edm_dir / "slots", self._slots())
                if slot is not None:
                    if not self._stopping() and withdraw(self.folder, unless_held=True):
                        return slot
                    slot.release()
            self._sleep(_TURN_SECONDS * min(10, 1 + (ahead or 0)))
        return None

    def _jobs_ahead(self) -> int | None:
        """As `jobs_ahead`, read again only when the queue has changed, or now and then: a supervisor may have died."""
        stamp, now = queue_stamp(self.folder), time.monotonic()
        if stamp != self._place.stamp or now > self._place.until:
            self._place = _Place(stamp, now + _PLACE_SECONDS, jobs_ahead(self.folder))
        return self._place.ahead

    def _slots(self) -> int:
        """The number of slots as edm.toml says now; while it cannot be read, as it said last."""
        with contextlib.suppress(EdmError):
            self.workspace = find_workspace(self.workspace.root)
        return slot_count(self.workspace.settings.launch.slots, os.environ)

    def run_command(self, slot: Slot | None) -> Ending:
        """Run the command to its end; in no slot where somebody else gave the job its place."""
        cwd = Path(self.job["cwd"])
        try:
            env = child_environment(self.folder, self.workspace, os.environ)
            env |= self.job.get("env") or {}
            env |= self._gpu(slot)
            capture(self.folder, cwd, self.workspace.command_log_path)
            child = start_child(self.folder, self.command or self.job["command"], cwd, env, slot)
        except OSError as error:
            message = f"cannot start {self.job['command'][0]!r}: {error.strerror}"
            with self.folder.log.open("a", encoding="utf-8") as log:
                log.write(f"edm: {message}\n")
            missing = isinstance(error, FileNotFoundError)
            return Ending("failed", _NOT_FOUND if missing else _CANNOT_RUN, note=message)
        listing = list_packages(self.folder, resolve(self.job["command"])[0], cwd, env)
        lookout = Lookout(self.folder, self.job, self.workspace)
        stopped = self._watch(child, lookout)
        lookout.look()
        if listing is not None and listing.poll() is None:
            listing.kill()
            listing.wait()
        ending = ending_of(child.wait(), stopped)
        return Ending("failed", ending.exit_code, note=f"stopped: {self._fatal}") if self._fatal else ending

    def _gpu(self, slot: Slot | None) -> dict[str, str]:
        """The variables that give the command the GPU of its slot."""
        slots = self.workspace.settings.launch.slots
        gpu = {} if slot is None else gpu_environment(slots, slot.index, os.environ)
        if gpu:
            self.job |= {"place": f"gpu {gpu['CUDA_VISIBLE_DEVICES']}"}
            write_json(self.folder.job_file, self.job)
        return gpu

    def _watch(self, child: "subprocess.Popen[bytes]", lookout: Lookout) -> bool:
        """Wait until the command has ended, without reaping it; whether it was told to stop."""
        kill_at: float | None = None
        clock = LogClock(self.folder.log, self.folder.times_file)
        while not _has_ended(child.pid):
            lookout.look(child.pid)
            clock.note()
            if kill_at is None and (self._stopping() or lookout.fatal):
                self._fatal = "" if self._stopping() else lookout.fatal
                _signal_group(child.pid, signal.SIGTERM)
                _signal_group(child.pid, signal.SIGCONT)
                kill_at = time.monotonic() + self._grace()
            if kill_at is not None and time.monotonic() >= kill_at:
                _signal_group(child.pid, signal.SIGKILL)
                kill_at = float("inf")
            wait = min(_CLOCK_SECONDS, lookout.due - time.monotonic())
            self._sleep(min(max(0.1, wait), (kill_at or float("inf")) - time.monotonic()))
        clock.note()
        self._trim()
        if kill_at is not None:
            # What the command left behind goes too. It is still unreaped, so its group cannot be another's.
            _signal_group(child.pid, signal.SIGKILL)
        return kill_at is not None

    def _sleep(self, seconds: float) -> None:
        now = time.monotonic()
        if now - self._beaten >= HEARTBEAT_SECONDS:
            os.utime(self.folder.lock_file)
            self._trim()
            self._beaten = now
        self.bell.wait(seconds)

    def _trim(self) -> None:
        # The log's folder may have been taken away, or its disk: the command is watched over all the same.
        with contextlib.suppress(OSError):
            trim_log(self.folder.log, self.workspace.settings.launch.log_cap_mb << 20)

    def _stopping(self) -> bool:
        return self.bell.terminated or self.folder.stop_file.exists()

    def _grace(self) -> float:
        request = self.folder.read(self.folder.stop_file) or {}
        grace = request.get("grace")
        return float(grace) if isinstance(grace, int | float) else GRACE_SECONDS


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def supervise(folder: JobFolder, ready: int) -> None:
    """Take the job, tell the launcher through the pipe `ready`, and see the job through."""
    lock = try_lock(folder.lock_file)
    job = folder.read(folder.job_file)
    if lock is None or job is None or folder.child_file.exists() or folder.exit_file.exists():
        _answer(ready, TAKEN)
        return
    job |= {"supervisor": this_process().as_json()}
    supervisor = Supervisor(folder, job, find_workspace(Path(job["root"])))
    write_json(folder.job_file, job)
    _answer(ready, READY)
    supervisor.run()


def _answer(ready: int, word: bytes) -> None:
    # The launcher may have been killed meanwhile; the job goes on all the same.
    with contextlib.suppress(BrokenPipeError):
        os.write(ready, word)
    os.close(ready)


def main(argv: list[str]) -> None:
    """Leave the launcher's process tree and supervise the job folder `argv[0]`; `argv[1]` is the pipe to answer on."""
    # The process that was started ends here, so that nobody has to wait for the one that stays.
    if os.fork():
        os._exit(0)
    try:
        supervise(JobFolder(Path(argv[0])), int(argv[1]))
    except JobError as error:
        print(error, file=sys.stderr)  # noqa: T201 - stderr is a file in the job folder


if __name__ == "__main__":
    main(sys.argv[1:])
