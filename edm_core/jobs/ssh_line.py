"""One connection to a host for all that is asked of it: ssh, as the user's config says, with a control socket of ours.

ssh is asked never to prompt, and to notice within seconds that the host or the line is dead.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edm_core.errors import JobError
from edm_core.jobs.engine_settings import SshSettings

CONNECT_SECONDS = 8
_ALIVE_SECONDS, _ALIVE_COUNT = 5, 2
_SSH_FAILED = 255
_NEVER_THERE = (
    "Connection refused", "Connection timed out", "Could not resolve", "No route to host", "Permission denied",
    "Host key verification failed", "Operation timed out", "Network is unreachable", "Bad configuration",
    "Can't open user config",
)  # fmt: skip
"""After such words the command certainly did not run there."""


class SshError(JobError):
    """The host could not be reached, or the line dropped. `reached`: whether the command may have run there."""

    reached = True


def ssh_words(settings: SshSettings, command: Sequence[str], root: Path) -> list[str]:
    """The ssh command line that runs `command` of edm in the workspace there."""
    there = shlex.quote(settings.workspace or str(root))
    # A path with a tilde is the shell's to expand.
    there = there if not settings.workspace.startswith("~/") else f"~/{shlex.quote(settings.workspace[2:])}"
    remote = f"cd {there} && exec {shlex.quote(settings.edm)} {shlex.join(command)}"
    return ["ssh", *_options(settings), settings.host, "--", remote]


def run_there(
    settings: SshSettings, command: Sequence[str], root: Path, *, stdin: str = "", timeout: float = 30.0
) -> str:
    """Run a command of edm there to its end; what it printed. Raises SshError, or JobError with its own words."""
    # Into files: the background process that keeps the connection may hold pipes open for longer.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        try:
            code = subprocess.run(
                ssh_words(settings, command, root), stdin=given, stdout=out, stderr=err, timeout=timeout, check=False
            ).returncode
        except FileNotFoundError as error:
            raise JobError("ssh is not installed here", "On Debian, apt-get install openssh-client.") from error
        except subprocess.TimeoutExpired as error:
            raise SshError(f"{settings.host} did not answer within {timeout:g} s", _hint(settings)) from error
        out.seek(0)
        err.seek(0)
        said = err.read().decode(errors="replace")
        if code:
            raise failure(settings, code, said)
        return out.read().decode(errors="replace")


def failure(settings: SshSettings, code: int, said: str) -> JobError:
    """What the end of ssh, or of the command there, means."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if code == _SSH_FAILED:
        last = lines[-1] if lines else "the line dropped"
        error = SshError(f"{settings.host} cannot be reached: {last}", _hint(settings))
        error.reached = not any(word in said for word in _NEVER_THERE)
        return error
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("error:")]
    hints = [line.partition(":")[2].strip() for line in lines if line.startswith("hint:")]
    words = found[-1] if found else (lines[-1] if lines else f"edm ended with {code}")
    hint = (
        hints[-1]
        if hints
        else "Check `workspace` and `edm` of the profile: edm must be installed in the workspace there."
    )
    return JobError(f"{settings.host}: {words}", hint)


def _options(settings: SshSettings) -> list[str]:
    options = {
        "BatchMode": "yes", "ConnectTimeout": str(CONNECT_SECONDS), "ServerAliveInterval": str(_ALIVE_SECONDS),
        "ServerAliveCountMax": str(_ALIVE_COUNT), "ControlMaster": "auto", "ControlPersist": "60",
        "ControlPath": f"{_sockets()}/%C",
    }  # fmt: skip
    words = ["-F", str(Path(settings.config).expanduser())] if settings.config else []
    return [*words, "-T", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def _sockets() -> Path:
    """A folder of this user's alone, with a short name: the path of a socket has a hundred characters at most."""
    folder = Path(tempfile.gettempdir()) / f"edm-ssh-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    stat = folder.lstat()
    if stat.st_uid != os.getuid() or stat.st_mode & 0o077 or folder.is_symlink():
        raise JobError(f"{folder} is not yours alone", "Remove it, or set TMPDIR to a folder that is.")
    return folder


def _hint(settings: SshSettings) -> str:
    config = f"-F {settings.config} " if settings.config else ""
    return f"Try `ssh {config}{settings.host}` by hand; it must not ask for anything."
