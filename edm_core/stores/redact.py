"""Messages of libraries quote whole addresses; passwords in them must not reach screen, log or terminal."""

import re

_USER_INFO = re.compile(r"(\w+://)[^/@\s'\"]*@")
_PASSWORD = re.compile(r"(\w+://[^/@:\s'\"]*):[^/@\s'\"]+@")
# What requests says of a server that is away: the whole course of its retries, and last of all the reason.
_UNREACHED = re.compile(r"Max retries exceeded.*?\[Errno -?\d+\] ([\w ]+)", re.DOTALL)


def without_password(text: str) -> str:
    """`text` with user and password taken out of every URL in it."""
    return _USER_INFO.sub(r"\1", text)


def masked(text: str) -> str:
    """`text` with only the passwords of its URLs hidden; the user stays, as `ssh://ann:***@host`."""
    return _PASSWORD.sub(r"\1:***@", text)


def brief_reason(error: BaseException, limit: int = 300) -> str:
    """Why a library failed, in one line and without passwords: the system's own word where no connection came about."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    unreached = _UNREACHED.search(first)
    return unreached[1] if unreached else without_password(first)[:limit]
