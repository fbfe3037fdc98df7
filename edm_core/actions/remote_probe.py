"""A process of its own: write, read and delete a small object on a DVC remote.

`python -m edm_core.actions.remote_probe NAME SECONDS` ends with 0 when that works, else with the traceback of what did
not, or of the time that ran out: libraries wait for minutes where nobody answers.
"""

import asyncio
import os
import re
import secrets
import sys
import threading
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 12.0
"""How long whoever checks waits for all of the answers."""
LATE = "no answer within"
REASONS = {
    "host key": "the host's key is not the one that is known",
    "library": "DVC lacks the library for it",
    "space": "there is no space left",
    "place": "the bucket or folder is not there",
    "credentials": "the credentials are refused or missing",
    "permission": "writing is not allowed",
    "network": "the host does not answer",
    "other": "it failed",
}
HINTS = {
    "credentials": "Set the keys with `dvc remote modify --local NAME ...` (they stay out of git), or log in.",
    "place": "The bucket or folder is not there: make it, or mend the address with `dvc remote modify NAME url ...`.",
    "host key": "Ask who runs the host; if its key was changed on purpose, `ssh-keygen -R HOST`, then `ssh HOST` once.",
    "space": "The remote is full: free space there.",
    "limit": "The host is slow or cannot be reached: check address, network and VPN, or wait longer with --timeout.",
    "network": "The host cannot be reached: check the address, the network and a VPN.",
    "permission": "You may not write there: ask for the right, or take another address.",
    "library": "Install what DVC needs for this kind of remote, for example `pip install dvc-s3`.",
    "other": "`dvc push -v` by hand says more.",
}
# Words of the libraries' messages, the telling ones first.
_SIGNS: dict[str, tuple[str, ...]] = {
    "host key": ("host key", "hostkeynotverifiable", "not trusted"),
    "library": ("requires '", "no module named", "is supported, but"),
    "space": ("no space", "disk quota", "quota exceeded", "file too large"),
    "place": (
        "nosuchbucket", "filenotfounderror", "bucket does not exist", "no such file", "not found", "not a directory",
        "file exists",
    ),
    "credentials": (
        "credential", "invalidaccesskey", "signaturedoesnotmatch", "authentication", "unauthorized", "access key",
        "permission denied for user",
    ),
    "permission": ("permission", "accessdenied", "access denied", "forbidden", "read-only"),
    "network": ("connect", "timed out", "timeout", "resolve", "unreachable", "name or service", "refused"),
}  # fmt: skip
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$")


def diagnose(traceback: str) -> tuple[str, str]:
    """(one of REASONS, the last exception's message) from the text of a traceback with its causes."""
    raised = [line for line in traceback.splitlines() if _RAISED.match(line)]
    text = " ".join(raised).lower()
    reason = next((reason for reason, words in _SIGNS.items() if any(word in text for word in words)), "other")
    return reason, raised[-1].strip()[:300] if raised else "no reason was given"


class Deadline:
    """Ends the process when the time is over, and says what it was waiting for: no library can be told all of that."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.doing = seconds, "connecting"
        self._timer = threading.Timer(seconds, self._over)
        self._timer.daemon = True
        self._timer.start()

    def _over(self) -> None:
        sys.stderr.write(f"\nTimeoutError: {LATE} {self.seconds:g} s, while {self.doing}\n")
        sys.stderr.flush()
        os._exit(1)


def main(name: str, seconds: float) -> None:
    """Write, read and delete; whatever DVC and its libraries raise is the report. Warnings go to stdout."""
    from dvc.repo import Repo

    with Repo() as repo:
        deadline = Deadline(seconds)
        odb: Any = repo.cloud.get_remote_odb(name)
        if odb.fs.protocol == "ssh":
            _check_host_key(str(odb.fs.fs_args["host"]), odb.fs.fs_args.get("port"))
        if hasattr(odb.fs.fs, "retries"):
            # Whoever checks waits for the answer.
            odb.fs.fs.retries = 1
        deadline.doing = "writing"
        folder = odb.fs.join(odb.path, "edm-check")
        path = odb.fs.join(folder, secrets.token_hex(8))
        content = secrets.token_bytes(64)
        odb.fs.makedirs(folder, exist_ok=True)
        try:
            odb.fs.pipe_file(path, content)
        except OSError:
            # A full disk keeps the name of what it could not hold; where nobody answers, there is nothing to remove.
            if odb.fs.protocol == "local":
                _clean(odb.fs, folder, path)
            raise
        deadline.doing = "reading"
        if odb.fs.cat_file(path) != content:
            raise OSError("what was read is not what was written")
        deadline.doing = "deleting"
        _clean(odb.fs, folder, path)


def _clean(fs: Any, folder: str, path: str) -> None:
    if fs.exists(path):
        fs.remove(path)
    if fs.exists(folder) and not fs.ls(folder):
        fs.rmdir(folder)


def _check_host_key(host: str, port: int | None) -> None:
    """DVC takes any host key, so this looks: another one than known_hosts has is an error, an unknown one a warning."""
    import asyncssh

    known_file = Path("~/.ssh/known_hosts").expanduser()
    key = asyncio.run(asyncssh.get_server_host_key(host, port or ()))
    known = asyncssh.match_known_hosts(str(known_file), host, host, port)[0] if known_file.exists() else ()
    alike = [one for one in known if key is not None and one.algorithm == key.algorithm]
    if alike and key not in alike:
        raise OSError(f"host key of {host} is another one than {known_file} has: somebody may stand between")
    if not alike:
        sys.stdout.write(f"the host key of {host} is not in {known_file}, and DVC does not look at it\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
