"""A program in a terminal of its own, as the measures see it: bytes that come out, keys that go in."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

SYNC_QUERY = b"\x1b[?2026$p"


def as_installed() -> dict[str, str]:
    """The environment, in which modules are compiled once: an installed package comes with its bytecode, as the peers'
    do here, and must not be compiled anew at each start."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


class Terminal:
    """Starts `argv` on a pty of `columns` x `lines` and reads what it writes."""

    def __init__(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, columns: int = 200, lines: int = 50
    ) -> None:
        self._columns, self._lines = columns, lines
        self.started = time.perf_counter()
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(
                argv[0],
                list(argv),
                {**as_installed(), "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            )
        fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.written = b""

    def read(self, seconds: float) -> bytes:
        """What is written next, b"" when nothing is within `seconds`."""
        if not select.select([self._handle], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._handle, 1 << 16)
        except OSError:
            return b""
        if SYNC_QUERY in data:
            os.write(self._handle, b"\x1b[?2026;2$y")
        self.written += data
        return data

    def seconds_until(self, text: bytes, limit: float = 30.0) -> float:
        """Seconds from the start until `text` has been written. Raises TimeoutError."""
        while text not in self.written:
            self.read(0.05)
            if time.perf_counter() - self.started > limit:
                raise TimeoutError(f"{text!r} was not written within {limit} s")
        return time.perf_counter() - self.started

    def seconds_until_shown(self, text: str, limit: float = 30.0) -> float:
        """Seconds from the start until `text` stands on the screen, whatever pieces it was written in.
        Raises TimeoutError."""
        screen = pyte.Screen(self._columns, self._lines)
        stream = pyte.ByteStream(screen)
        stream.feed(self.written)
        while not any(text in line for line in screen.display):
            stream.feed(self.read(0.02))
            if time.perf_counter() - self.started > limit:
                raise TimeoutError(f"{text!r} was not shown within {limit} s")
        return time.perf_counter() - self.started

    def seconds_to_painted(self, keys: bytes, quiet: float = 0.12) -> float:
        """Seconds from a key press until the last byte that it brought, after which nothing came for `quiet`."""
        began = last = time.perf_counter()
        self.press(keys)
        while self.read(quiet):
            last = time.perf_counter()
        return last - began

    def bytes_until_quiet(self, quiet: float) -> int:
        """Bytes written until nothing comes for `quiet` seconds."""
        count = 0
        while data := self.read(quiet):
            count += len(data)
        return count

    def press(self, keys: bytes) -> None:
        os.write(self._handle, keys)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._handle)
