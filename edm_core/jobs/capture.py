"""What a job was started with: commit, uncommitted changes, interpreter, machine."""

import getpass
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edm_core.commandlog import record_command, run_logged
from edm_core.errors import StoreError
from edm_core.files import write_json
from edm_core.jobs.folder import JobFolder

PATCH_LIMIT = 5_000_000
"""Bytes of uncommitted changes that are kept; what is beyond is cut off, and said so."""
_TIMEOUT = 20.0
_DIFF = ("git", "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv")


def capture(folder: JobFolder, cwd: Path, command_log: Path) -> None:
    """Write environment.json and, where there are uncommitted changes, uncommitted.patch into the job's folder."""
    commit = _git(cwd, command_log, "rev-parse", "HEAD")
    facts: dict[str, Any] = {
        "commit": commit,
        "branch": _git(cwd, command_log, "branch", "--show-current") if commit else "",
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "user": _user(),
        "cuda_visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }
    if commit:
        size = _patch(folder.path / "uncommitted.patch", cwd, command_log)
        facts |= {"dirty": size > 0, "patch_bytes": size, "patch_cut": size > PATCH_LIMIT}
    write_json(folder.path / "environment.json", facts)


def _git(cwd: Path, log: Path, *words: str) -> str:
    """The answer of a git command; "" where there is no git, no repository or no commit."""
    try:
        done = run_logged(["git", *words], cwd=cwd, log=log, timeout=_TIMEOUT)
    except StoreError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _patch(path: Path, cwd: Path, log: Path) -> int:
    """Write the uncommitted changes to `path`; their size in bytes. They never pass through memory."""
    started = time.time()
    with path.open("wb") as file:
        try:
            code = subprocess.run(
                _DIFF, cwd=cwd, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = -1
        size = file.seek(0, os.SEEK_END)
        if size > PATCH_LIMIT:
            file.truncate(PATCH_LIMIT)
    record_command(log, _DIFF, cwd, started, code)
    if not size:
        path.unlink()
    return size


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a user id that has no name.
        return str(os.getuid())
