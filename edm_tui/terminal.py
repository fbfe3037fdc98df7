"""The terminal under the interface: what it can draw, and leaving at once when it goes away.

A Textual app whose terminal has gone spins and does not hear SIGTERM, so a thread of ours watches for the hang-up.
"""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

HUNG_UP = 128 + signal.SIGHUP
# Leave the alternate screen, show the cursor, wrap lines again, end mouse, focus and paste reports, plain colours.
RESTORE = (
    b"\x1b[?2026l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"
)
OUR_THEMES = ("edm-dark", "edm-light")
# Terminals in a web page leak the codes of mouse movement when the line lags.
WEB_TERMINALS = ("vscode", "hyper", "cursor")


def quiet_environment(theme: str) -> None:
    """Settings that Textual reads when it is imported: the first theme, and no kitty keyboard probe, which leaks
    through older tmux."""
    if theme in OUR_THEMES:
        os.environ.setdefault("TEXTUAL_THEME", theme)
    os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


def original_environment() -> Mapping[str, str]:
    """The environment as the shell gave it: Python itself changes LC_CTYPE where the locale is C."""
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ
    pairs = (entry.decode(errors="replace").partition("=") for entry in raw.split(b"\0") if b"=" in entry)
    return {name: value for name, _, value in pairs}


def speaks_unicode(env: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8."""
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
    return "utf-8" in locale.lower() or "utf8" in locale.lower()


def mouse_by_itself(env: Mapping[str, str]) -> bool:
    """Whether the mouse is used when nobody said: not in terminals that are a web page."""
    return env.get("TERM_PROGRAM", "").lower() not in WEB_TERMINALS


def is_terminal() -> bool:
    """Whether there is a terminal to draw on and to read keys from."""
    return all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__))


class Guard:
    """Ends the process when its terminal goes away or a signal asks it to, whatever else still runs."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._attributes: list[Any] | None = None
        with contextlib.suppress(termios.error):
            self._attributes = termios.tcgetattr(handle)

    def start(self) -> None:
        """Watch from now on."""
        signal.signal(signal.SIGHUP, self._signalled)
        signal.signal(signal.SIGTERM, self._signalled)
        threading.Thread(target=self._watch, name="edm-terminal", daemon=True).start()

    def _watch(self) -> None:
        poll = select.poll()
        # No event is asked for: a hang-up is reported all the same, and nothing else wakes this thread.
        poll.register(self._handle, 0)
        poll.poll()
        os._exit(HUNG_UP)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.restore()
        os._exit(128 + number)

    def restore(self) -> None:
        """Give the terminal back as it was, if it still takes it: never wait for one that does not read."""
        with contextlib.suppress(OSError):
            own = os.open(os.ttyname(self._handle), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            os.write(own, RESTORE)
            os.close(own)
        if self._attributes is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._handle, termios.TCSANOW, self._attributes)
