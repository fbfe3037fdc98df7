"""What a job was started with: commit, uncommitted changes, interpreter, machine."""

import getpass
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edm_core.commandlog import run_logged
from edm_core.errors import StoreError
from edm_core.files import write_json
from edm_core.jobs.capture_patch import write_patch
from edm_core.jobs.folder import JobFolder

_TIMEOUT = 20.0
_LIST_PACKAGES = """
import sys, importlib.metadata as metadata
names = {one.metadata["Name"]: one.version for one in metadata.distributions() if one.metadata["Name"]}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.writelines(f"{name}=={names[name]}\\n" for name in sorted(names, key=str.lower))
"""


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
        patch = write_patch(folder.path / "uncommitted.patch", cwd, command_log)
        facts |= {"dirty": patch.size > 0, "patch_bytes": patch.size, "patch_cut": patch.cut,
                  "patch_left_out": list(patch.left_out)}  # fmt: skip
    write_json(folder.path / "environment.json", facts)


def list_packages(
    folder: JobFolder, program: str, cwd: Path, env: Mapping[str, str]
) -> "subprocess.Popen[bytes] | None":
    """Begin to write packages.txt, what is installed for the Python that the command is run by; None where that is no
    Python's. It goes on beside the command, which does not wait for it."""
    python = _python_of(program, cwd, env)
    if python is None:
        return None
    try:
        return subprocess.Popen(
            [str(python), "-c", _LIST_PACKAGES, str(folder.path / "packages.txt")], cwd=cwd, env=dict(env),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None


def _python_of(program: str, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """The program itself where it is Python; for one of a virtual environment (torchrun) the Python beside it."""
    path = str(cwd / program) if os.sep in program else shutil.which(program, path=env.get("PATH"))
    if path is None:
        return None
    found = Path(path)
    if found.name.startswith("python"):
        return found
    beside = found.parent / "python"
    return beside if (found.parent.parent / "pyvenv.cfg").exists() and beside.exists() else None


def _git(cwd: Path, log: Path, *words: str) -> str:
    """The answer of a git command; "" where there is no git, no repository or no commit."""
    try:
        done = run_logged(["git", *words], cwd=cwd, log=log, timeout=_TIMEOUT)
    except StoreError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a user id that has no name.
        return str(os.getuid())
