"""`edm-tui`: reads the first runs while Textual is imported, so that the first frame holds them."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edm_core.errors import EdmError
from edm_core.workspace import Workspace, find_workspace
from edm_tui import terminal
from edm_tui.first_read import FirstRead

FIRST_WAIT = 1.0
"""Seconds that the first frame waits for them at most: a server may take longer."""
USAGE = """usage: edm-tui [DIR] [--ascii] [--no-mouse] [--version]

One screen for the whole life of a training run, on the workspace that DIR (default: the current folder) lies in.

  --ascii     draw with ASCII characters only (by itself where the locale is not UTF-8)
  --no-mouse  leave the mouse to the terminal
  --version   print the version

For example: edm-tui ~/projects/music-structure --no-mouse
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the interface; leaves the process with 0, 1 (could not be done) or 2 (wrong usage)."""
    words = list(sys.argv[1:] if argv is None else argv)
    flags = {word for word in words if word.startswith("-")}
    folders = [word for word in words if not word.startswith("-")]
    if flags & {"-h", "--help"}:
        sys.stdout.write(USAGE)
        return
    if "--version" in flags:
        sys.stdout.write(f"edm-tui {_version()}\n")
        return
    if flags - {"--ascii", "--no-mouse"} or len(folders) > 1:
        sys.stderr.write(USAGE)
        sys.exit(2)
    try:
        workspace = find_workspace(Path(folders[0]) if folders else None)
        if not terminal.is_terminal():
            raise EdmError("edm-tui needs a terminal", "`edm runs list` prints the same runs.")
    except EdmError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        sys.exit(1)
    _run(workspace, flags)


def _run(workspace: Workspace, flags: set[str]) -> None:
    # What is made up to the first frame stays: the collector would walk it again and again, a tenth of the start, and
    # hold the loop for 70 ms each time later. The app freezes it and lets the collector work after the first frame.
    gc.disable()
    first = FirstRead(workspace)
    guard = terminal.Guard(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0)
    guard.start()
    env = terminal.original_environment()
    settings = workspace.settings.tui
    terminal.quiet_environment(settings.theme)
    from edm_tui.app import EdmApp

    token, result = first.result(FIRST_WAIT)
    ascii_only = "--ascii" in flags or settings.ascii or not terminal.speaks_unicode(env)
    app = EdmApp(workspace, result, token=token, ascii_only=ascii_only)
    app.services.take_over(first)
    status = app.run_here(mouse="--no-mouse" not in flags and settings.mouse and terminal.mouse_by_itself(env))
    # Threads that still read, and children that still work, must not hold up the way back to the shell.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _version() -> str:
    from importlib.metadata import version

    return version("edm-tui")


if __name__ == "__main__":
    main()
