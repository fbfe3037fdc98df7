"""`python crash_child.py MODE ARGS...` runs `edm ARGS` and kills its whole process group at a chosen moment.

MODE: `event:N` kills before the N-th change that edm itself makes in the workspace; `child:N:MS` kills MS milliseconds
after edm has started its N-th git, dvc or helper process. Come to its end, it says how many of both there were.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = str(Path.cwd().resolve())
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"}


class Moments:
    """Counts the moments at which this process changes something, and dies at the wanted one."""

    def __init__(self, mode: str) -> None:
        kind, _, rest = mode.partition(":")
        numbers = [int(part) for part in rest.split(":")] if rest else []
        self.kind = kind
        self.wanted = numbers[0] if numbers else 0
        self.delay = numbers[1] / 1000 if len(numbers) > 1 else 0.0
        self.events = self.children = 0

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            self.children += 1
            if self.kind == "child" and self.children == self.wanted:
                timer = threading.Timer(self.delay, die)
                timer.daemon = True
                timer.start()
        elif self._is_change(event, args):
            self.events += 1
            if self.kind == "event" and self.events == self.wanted:
                die()

    @staticmethod
    def _is_change(event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _, flags = args
            written = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            return bool(written) and ROOT in os.path.abspath(os.fsdecode(path) if isinstance(path, str | bytes) else "")  # noqa: PTH100
        return event in CHANGES and any(ROOT in str(arg) for arg in args)


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    moments = Moments(sys.argv[1])
    from edm_core.cli.main import main as edm

    sys.addaudithook(moments.hear)
    try:
        edm(sys.argv[2:])
    finally:
        sys.stderr.write(f"\nmoments {moments.events} {moments.children}\n")


if __name__ == "__main__":
    main()
