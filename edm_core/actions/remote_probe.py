"""A process of its own: write, read and delete a small object on a DVC remote.

`python -m edm_core.actions.remote_probe NAME` ends with 0 when that works, else with the traceback of what did not.
"""

import re
import secrets
import sys
from typing import Any

REASONS = {
    "host key": "the host's key is not known",
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
    "host key": "Log in once with `ssh HOST` and accept its key.",
    "space": "The remote is full: free space there.",
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
    "place": ("nosuchbucket", "bucket does not exist", "no such file", "not found", "not a directory", "file exists"),
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


def main(name: str) -> None:
    """Write, read and delete; whatever DVC and its libraries raise is the report."""
    from dvc.repo import Repo

    with Repo() as repo:
        odb: Any = repo.cloud.get_remote_odb(name)
        folder = odb.fs.join(odb.path, "edm-check")
        path = odb.fs.join(folder, secrets.token_hex(8))
        content = secrets.token_bytes(64)
        odb.fs.makedirs(folder, exist_ok=True)
        try:
            odb.fs.pipe_file(path, content)
            if odb.fs.cat_file(path) != content:
                raise OSError("what was read is not what was written")
        finally:
            if odb.fs.exists(path):
                odb.fs.remove(path)
            if odb.fs.exists(folder) and not odb.fs.ls(folder):
                odb.fs.rmdir(folder)


if __name__ == "__main__":
    main(sys.argv[1])
