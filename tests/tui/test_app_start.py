"""Starting and leaving: what is imported, what is refused, and that the process goes when its terminal does."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_tui import terminal
from edm_tui.branch import branch_name

HEAVY = (
    "mlflow", "dvc", "torch", "pandas", "numpy", "plotext", "psutil", "yaml", "sqlalchemy", "click", "matplotlib",
    "edm_core.cli", "edm_core.actions", "edm_core.training",
)  # fmt: skip
RESTORED = b"\x1b[?1049l"


def test_nothing_heavier_than_textual_is_imported() -> None:
    code = f"import sys, edm_tui.app, edm_tui.__main__; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def edm_tui(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "edm_tui", *words]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_outside_of_a_workspace_it_says_what_to_do(tmp_path: Path) -> None:
    done = edm_tui(cwd=tmp_path)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "edm init" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_it_names_the_command_that_prints_runs(tmp_path: Path) -> None:
    (tmp_path / "edm.toml").touch()
    done = edm_tui(cwd=tmp_path)
    assert done.returncode == 1
    assert "edm runs list" in done.stderr


def test_wrong_usage_help_and_version(tmp_path: Path) -> None:
    assert edm_tui("--frobnicate", cwd=tmp_path).returncode == 2
    assert "For example:" in edm_tui("--help", cwd=tmp_path).stdout
    assert edm_tui("--version", cwd=tmp_path).stdout.startswith("edm-tui ")


class Started:
    """The interface on a pty, in a session of its own as under ssh or tmux."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self.pid, self.handle = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(argv[0], argv, {**os.environ, "TERM": "xterm-256color"})
        self.written = b""

    def until(self, text: bytes, limit: float = 60) -> None:
        end = time.monotonic() + limit
        while text not in self.written:
            assert time.monotonic() < end, self.written[-2000:]
            if select.select([self.handle], [], [], 0.1)[0]:
                try:
                    self.written += os.read(self.handle, 65536)
                except OSError:
                    assert text in self.written

    def gone(self, limit: float) -> bool:
        """Whether the process is gone within `limit` seconds."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                self.pid = 0
                return True
            time.sleep(0.02)
        return False


def start(folder: Path, argv: list[str]) -> Iterator[Started]:
    (folder / "edm.toml").touch()
    program = Started(folder, argv)
    program.until(b"no runs yet")
    yield program
    if program.pid:
        os.kill(program.pid, signal.SIGKILL)
        os.waitpid(program.pid, 0)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    yield from start(tmp_path, [sys.executable, "-m", "edm_tui"])


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Started]:
    """Started by a shell that leads the session and ignores SIGHUP, so that no signal tells of the hang-up."""
    yield from start(tmp_path, ["/bin/sh", "-c", f"trap '' HUP; {sys.executable} -m edm_tui; exit 7"])


def test_it_is_gone_within_two_seconds_when_its_terminal_goes_away(started: Started) -> None:
    os.close(started.handle)
    assert started.gone(2)


def test_it_is_gone_too_when_no_signal_tells_of_it(deaf: Started) -> None:
    os.close(deaf.handle)
    assert deaf.gone(2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_gives_the_terminal_back(started: Started, number: signal.Signals) -> None:
    assert termios.tcgetattr(started.handle)[3] & termios.ECHO == 0
    os.kill(started.pid, number)
    started.until(RESTORED, 5)
    assert started.gone(2)
    assert termios.tcgetattr(started.handle)[3] & termios.ECHO


def test_q_quits_at_once_and_gives_the_terminal_back(started: Started) -> None:
    os.write(started.handle, b"q")
    started.until(RESTORED, 5)
    assert started.gone(2)


@pytest.mark.parametrize(
    ("env", "unicode"),
    [
        ({"LANG": "en_GB.UTF-8"}, True), ({"LANG": "en_GB.utf8", "LC_ALL": "C"}, False), ({}, False),
        ({"LC_CTYPE": "C.UTF-8"}, True), ({"LANG": "C"}, False), ({"LANG": "de_DE.ISO-8859-1"}, False),
    ],
)  # fmt: skip
def test_ascii_where_the_locale_is_not_utf8(env: dict[str, str], unicode: bool) -> None:
    assert terminal.speaks_unicode(env) is unicode


def test_the_mouse_is_left_alone_in_web_terminals() -> None:
    assert not terminal.mouse_by_itself({"TERM_PROGRAM": "vscode"})
    assert terminal.mouse_by_itself({"TERM_PROGRAM": "tmux"})


def test_the_branch_is_read_from_gits_files(git_repo: Path) -> None:
    assert branch_name(git_repo) == "main"
    subprocess.run(["git", "checkout", "-q", "-b", "fix/one"], cwd=git_repo, check=True)
    assert branch_name(git_repo) == "fix/one"
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=git_repo, check=True)
    assert len(branch_name(git_repo)) == 8
    assert branch_name(git_repo.parent) == ""
