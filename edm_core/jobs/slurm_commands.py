"""Slurm's own commands: sbatch, squeue, scancel, scontrol. Nothing is asked of its accounting, which many lack."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edm_core.commandlog import record_command
from edm_core.errors import JobError

_TIMEOUT = 30.0
_UNSURE = ("timed out", "Zero Bytes were transmitted", "Communication")
"""After such words nobody knows whether the request arrived."""
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "CONFIGURING")
RUNNING = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING")


class SlurmUnsureError(JobError):
    """Slurm did not answer: whether it did what it was asked is not known."""


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """One job, or the waiting rest of an array, as `squeue --json` tells it. Times are Unix seconds."""

    id: str
    state: str
    reason: str = ""
    node: str = ""
    batch_host: str = ""
    ends: float | None = None
    limit_minutes: int | None = None
    restarts: int = 0
    exit_code: int | None = None
    comment: str = ""
    array: str = ""
    tasks: frozenset[int] = field(default_factory=frozenset)

    @property
    def phase(self) -> str:
        if self.state in WAITING:
            return "queued"
        return "running" if self.state in RUNNING else "ended"

    @property
    def held(self) -> bool:
        return self.reason in ("JobHeldUser", "JobHeldAdmin")

    def is_job(self, wanted: str) -> bool:
        """Whether it is the job of this id, which for a task of an array is ARRAY_TASK."""
        array, _, task = wanted.partition("_")
        if task:
            return self.array == array and int(task) in self.tasks
        return self.id == wanted


def run_slurm(
    words: Sequence[str], *, log: Path | None = None, stdin: str | None = None, cwd: Path | None = None
) -> str:
    """Run one of the commands; what it printed.

    Raises JobError with Slurm's own words, SlurmUnsureError where it does not answer.
    """
    started = time.time()
    try:
        done = subprocess.run(
            words, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
            errors="replace", timeout=_TIMEOUT, check=False, cwd=cwd,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise JobError(
            f"{words[0]} is not installed here", "Launch where Slurm's commands are, on a login node."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmUnsureError(
            f"Slurm did not answer `{words[0]}` within {_TIMEOUT:g} s", "Try `sinfo` by hand."
        ) from error
    if log is not None:
        record_command(log, words, cwd or Path.cwd(), started, done.returncode, done.stderr.strip()[-2000:])
    if done.returncode:
        said = _words_of(done.stderr) or f"{words[0]} ended with {done.returncode}"
        kind = SlurmUnsureError if any(word in said for word in _UNSURE) else JobError
        raise kind(f"Slurm refused: {said}", "Compare the profile in edm.toml with what `sinfo` shows.")
    return done.stdout


def squeue() -> list[SlurmJob]:
    """All jobs of this user that Slurm still knows, also those that ended minutes ago. Raises JobError."""
    raw = run_slurm(["squeue", "--json", "--me", "--states=all"])
    try:
        document = json.loads(raw)
        if document.get("errors"):
            # With exit status 0 and no jobs at all: taken for an answer, every job would be lost.
            raise JobError(f"Slurm does not answer: {_complaint(document['errors'])}", "`scontrol ping` says more.")
        return [to_job(one) for one in document["jobs"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobError("squeue --json answered with something else", "Slurm 21.08 or newer is needed.") from error


def _complaint(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) else errors
    words = (
        [str(first.get(key) or "") for key in ("description", "error")] if isinstance(first, Mapping) else [str(first)]
    )
    return ", ".join(word for word in words if word)


def to_job(raw: Mapping[str, Any]) -> SlurmJob:
    """One entry of `squeue --json`: older versions write plain values, newer ones objects and lists."""
    states = raw.get("job_state") or "UNKNOWN"
    words = [states] if isinstance(states, str) else [str(word) for word in states]
    reason = str(raw.get("state_reason") or "")
    task, array = _number(raw.get("array_task_id")), _number(raw.get("array_job_id"))
    tasks = {task} if task is not None else _tasks(str(raw.get("array_task_string") or ""))
    end = _number(raw.get("end_time"))
    return SlurmJob(
        id=str(_number(raw.get("job_id"))), state=_base(words), reason="" if reason == "None" else reason,
        node=str(raw.get("nodes") or ""), batch_host=str(raw.get("batch_host") or ""), ends=float(end) if end else None,
        limit_minutes=_number(raw.get("time_limit")), restarts=_number(raw.get("restart_cnt")) or 0,
        exit_code=_exit_code(raw.get("exit_code")), comment=str(raw.get("comment") or ""),
        array=str(array) if array else "", tasks=frozenset(tasks),
    )  # fmt: skip


def _base(words: Sequence[str]) -> str:
    """One word: a job that ends already is named by how it ends, not by COMPLETING."""
    said = [word for word in words if word != "COMPLETING"]
    return said[0] if said else words[0]


def _number(value: Any) -> int | None:
    if isinstance(value, Mapping):
        return None if not value.get("set", True) or value.get("infinite") else _number(value.get("number"))
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _exit_code(value: Any) -> int | None:
    """The shell's exit code: Slurm gives that of wait(), newer versions an object."""
    if isinstance(value, Mapping) and "return_code" in value:
        signal = value.get("signal")
        number = _number(signal.get("id")) if isinstance(signal, Mapping) else None
        return 128 + number if number else _number(value.get("return_code"))
    status = _number(value)
    if status is None:
        return None
    return 128 + (status & 0x7F) if status & 0x7F else status >> 8


def _tasks(text: str) -> set[int]:
    """The tasks of `0-3,7%2`."""
    found: set[int] = set()
    for part in text.partition("%")[0].split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found |= set(range(int(first), int(last if last.isdigit() else first) + 1))
    return found


def _words_of(stderr: str) -> str:
    """Slurm's complaint without the program's name in front of each line."""
    lines = [line.split("error: ", 1)[-1].strip() for line in stderr.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines))[-500:]
