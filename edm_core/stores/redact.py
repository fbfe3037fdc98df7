"""Messages of libraries quote whole addresses; passwords in them must not reach screen, log or terminal."""

import re

_USER_INFO = re.compile(r"(\w+://)[^/@\s'\"]*@")


def without_password(text: str) -> str:
    """`text` with user and password taken out of every URL in it."""
    return _USER_INFO.sub(r"\1", text)
