"""Process start to the first frame with runs, against a bare Textual app with a DataTable of 100 rows.

Both are started in turn in a terminal of 200x50, so that whatever else the machine does meets both. Also printed:
bytes at start, bytes for each press of `down` in view and with scrolling, and bytes and processor time while idle.
"""

import os
import shutil
import statistics
import sys
import time
from pathlib import Path

from bench.stores import shared_runs
from bench.terminal import Terminal
from edm_core.workspace import Workspace

PAIRS = 9
SIZES = (1_000, 10_000, 100_000)
ROOT = Path(__file__).parent.parent
ENV = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
IN_VIEW, SCROLLING, IDLE_SECONDS = 20, 200, 10
QUIET = 0.12
LOADED = 6.0
"""Nothing is written for so long once all runs are there."""


def main() -> None:
    env = ENV
    for size in SIZES:
        workspace = shared_runs(size)
        for when in ("the first time", "the next time"):
            ours, bare = _pairs(workspace, env, afresh=when == "the first time")
            ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
            print(
                f"first frame, {size:>7,} runs, {when}: {statistics.median(ours):.3f} s; bare DataTable"
                f" {statistics.median(bare):.3f} s; median ratio of {PAIRS} pairs {ratio:.2f} (goal <= 0.8)"
            )
    _bytes(workspace.root, env)


def forget(workspace: Workspace) -> None:
    """Let the next start be the first one: nothing on disk of what was read before."""
    shutil.rmtree(workspace.cache_dir, ignore_errors=True)


def remember(workspace: Workspace) -> None:
    """Let the next start not be the first one."""
    terminal = Terminal([sys.executable, "-m", "edm_tui"], workspace.root, ENV)
    try:
        terminal.seconds_until(b"run_9 ")
        terminal.bytes_until_quiet(LOADED)
    finally:
        terminal.close()


def _pairs(workspace: Workspace, env: dict[str, str], afresh: bool) -> tuple[list[float], list[float]]:
    ours, bare = [], []
    if not afresh:
        remember(workspace)
    for pair in range(PAIRS + 1):
        if afresh:
            forget(workspace)
        first = _seconds([sys.executable, "-m", "edm_tui"], workspace.root, env)
        second = _seconds([sys.executable, "-m", "bench.bare_table"], workspace.root, env)
        if pair:
            # The first pair only warms the caches of files.
            ours.append(first)
            bare.append(second)
    return ours, bare


def _seconds(argv: list[str], cwd: Path, env: dict[str, str]) -> float:
    terminal = Terminal(argv, cwd, env)
    try:
        return terminal.seconds_until(b"run_9 ")
    finally:
        terminal.close()


def _bytes(root: Path, env: dict[str, str]) -> None:
    terminal = Terminal([sys.executable, "-m", "edm_tui"], root, env)
    try:
        terminal.seconds_until(b"run_9 ")
        terminal.bytes_until_quiet(LOADED)
        print(f"bytes at start: {len(terminal.written):,}")
        print(f"bytes for each `down` in view: {_presses(terminal, IN_VIEW):,.0f} (goal <= 1,000)")
        print(
            f"bytes for each of {SCROLLING} `down` with scrolling: {_presses(terminal, SCROLLING):,.0f} (goal <= 2,000)"
        )
        terminal.bytes_until_quiet(2.0)
        before, began = _processor_seconds(terminal.pid), time.perf_counter()
        idle = terminal.bytes_until_quiet(IDLE_SECONDS)
        share = (_processor_seconds(terminal.pid) - before) / (time.perf_counter() - began)
        print(f"idle for {IDLE_SECONDS} s: {idle} bytes (goal 0), {share:.2%} of a core (goal <= 0.5%)")
    finally:
        terminal.close()


def _presses(terminal: Terminal, count: int) -> float:
    total = 0
    for _ in range(count):
        terminal.press(b"\x1b[B")
        total += terminal.bytes_until_quiet(QUIET)
    return total / count


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
