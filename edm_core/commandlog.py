"""Every git, dvc and mlflow command that runs is written down, so that `@` can show it, ready to copy."""

import contextlib
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edm_core.errors import StoreError
from edm_core.files import append_json_line, read_json_lines
from edm_core.stores.redact import masked

KEPT_RECORDS = 2000
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One command that ran: when (Unix seconds), how long (seconds), how it ended (None: it could not start)."""

    started: float
    seconds: float
    command: str
    cwd: str
    exit_code: int | None
    error: str


def run_logged(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, record it in `log`, and return it whatever its exit code.

    Raises StoreError when the program is not there or does not end within `timeout` seconds.
    """
    started = time.time()
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=None if env is None else dict(env),
            timeout=timeout,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        record_command(log, argv, cwd, started, None, str(error))
        raise StoreError(
            f"{argv[0]} is not installed, or {cwd} is not there", f"Install {argv[0]} and try again."
        ) from error
    except subprocess.TimeoutExpired as error:
        record_command(log, argv, cwd, started, None, f"no end after {timeout} s")
        raise StoreError(f"`{shlex.join(argv)}` did not end within {timeout:g} s", "Try it by hand.") from error
    record_command(log, argv, cwd, started, done.returncode, done.stderr.strip()[-2000:] if done.returncode else "")
    return done


def run_streamed(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str],
    stdin: str,
    on_line: Callable[[str], None],
    stands_for: Sequence[str],
) -> subprocess.CompletedProcess[str]:
    """Run a command and hand each line of its stdout to `on_line` as it comes; stderr is returned whole.

    It is recorded as `stands_for`, the command that a person would give. Interrupted, it ends the command first.
    """
    started = time.time()
    with tempfile.TemporaryFile("w+", errors="replace") as errors, subprocess.Popen(
        argv, cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        errors="replace",
    ) as child:  # fmt: skip
        try:
            _feed(child, stdin)
            for line in child.stdout or ():
                on_line(line)
            status = child.wait()
        except BaseException:
            _end(child)
            raise
        errors.seek(0)
        told = errors.read()
    record_command(log, stands_for, cwd, started, status, told.strip()[-2000:] if status else "")
    return subprocess.CompletedProcess(list(argv), status, "", told)


def _feed(child: "subprocess.Popen[str]", text: str) -> None:
    """What a child that died at once did not read is its own to explain."""
    with contextlib.suppress(BrokenPipeError):
        if child.stdin is not None:
            child.stdin.write(text)
            child.stdin.close()


def _end(child: "subprocess.Popen[str]") -> None:
    """As Ctrl-C does, so that it removes what it had begun; killed when it does not listen."""
    child.send_signal(signal.SIGINT)
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def record_command(
    log: Path, argv: Sequence[str], cwd: Path, started: float, exit_code: int | None, error: str = ""
) -> None:
    """Write down a command that ran elsewhere (a library call is written as the command that does the same)."""
    record = {
        "started": started, "seconds": round(time.time() - started, 3), "command": masked(shlex.join(argv)),
        "cwd": str(cwd), "exit_code": exit_code, "error": masked(error),
    }  # fmt: skip
    # The log is there to teach; a read-only or full disk must not stop the work that it describes.
    with contextlib.suppress(OSError):
        append_json_line(log, record)


def read_commands(log: Path, limit: int = KEPT_RECORDS) -> tuple[CommandRecord, ...]:
    """The last `limit` commands, oldest first."""
    records = []
    for raw in read_json_lines(log)[-limit:]:
        try:
            records.append(CommandRecord(**raw))
        except TypeError:
            continue
    return tuple(records)
