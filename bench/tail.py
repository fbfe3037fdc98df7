"""The tail in a terminal: from a line written to the line shown, and what a tick sends.

A job that sleeps is followed by the real interface on a pty, and we write its log. Each line holds letters that are
nobody else's, so that the time of the very line can be told from what the terminal is sent. Targets: 200 ms at p95,
5 KB a tick.
"""

import json
import os
import random
import re
import statistics
import string
import sys
import tempfile
import time
from pathlib import Path

from bench.terminal import Terminal
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.local import launch
from edm_core.jobs.stop import stop_job
from edm_core.workspace import Workspace, find_workspace

SIZES = ((80, 24), (200, 50))
TICKS, TICK_SECONDS = 60, 0.25
LINES_PER_SECOND, FLOOD_SECONDS = 10_000, 4.0
_LETTERS = 10
_MARK = re.compile(rb"[A-Za-z]{%d}" % _LETTERS)
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_QUIET = 0.03


class Writer:
    """Appends lines to a log and remembers when each was written."""

    def __init__(self, folder: JobFolder) -> None:
        self._log = os.open(folder.log, os.O_WRONLY | os.O_APPEND)
        self._progress = folder.progress_file
        self._chance = random.Random(0)
        self.written: dict[bytes, float] = {}

    def lines(self, count: int) -> None:
        marks = ["".join(self._chance.choices(string.ascii_letters, k=_LETTERS)) for _ in range(count)]
        text = "".join(f"{mark} {number} loss 0.0512 boundary_f1_05 0.61\n" for number, mark in enumerate(marks))
        os.write(self._log, text.encode())
        now = time.perf_counter()
        self.written.update((mark.encode(), now) for mark in marks)

    def progress(self, epoch: int) -> None:
        record = {"t": time.time(), "epoch": epoch, "epochs": 100, "batch": 10, "batches": 10, "run_name": "tailed",
                  "metrics": {"train_loss": 1 / (epoch + 1), "val_loss": 1.2 / (epoch + 1)}}  # fmt: skip
        with self._progress.open("a") as file:
            file.write(json.dumps(record) + "\n")


class Reader:
    """Reads the terminal: how old each marked line is when it comes, and how many bytes come in one go."""

    def __init__(self, terminal: Terminal, writer: Writer) -> None:
        self._terminal, self._writer = terminal, writer
        self.ages: list[float] = []
        self.bursts = [0]
        self._last = 0.0

    def read(self, until: float) -> None:
        while (left := until - time.perf_counter()) > 0:
            data = self._terminal.read(left)
            now = time.perf_counter()
            if not data:
                continue
            if now - self._last > _QUIET:
                self.bursts.append(0)
            self.bursts[-1] += len(data)
            self._last = now
            for mark in _MARK.findall(_ESCAPE.sub(b" ", data)):
                written = self._writer.written.pop(mark, None)
                if written is not None:
                    self.ages.append(now - written)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "edm.toml").touch()
        workspace = find_workspace(root)
        job = launch(workspace, ["sleep", "600"], title="tailed")
        folder = JobFolder(Path(job.folder))
        while not folder.child_file.exists():
            time.sleep(0.05)
        try:
            for columns, lines in SIZES:
                _measure(workspace, folder, columns, lines)
        finally:
            stop_job(workspace, job.id, grace=1.0)


def _measure(workspace: Workspace, folder: JobFolder, columns: int, lines: int) -> None:
    terminal = Terminal([sys.executable, "-m", "edm_tui"], workspace.root, columns=columns, lines=lines)
    try:
        terminal.seconds_until(b"runs")
        terminal.bytes_until_quiet(1.0)
        terminal.press(b"5")
        # The job's name stood on the Runs screen too: wait until the Jobs screen is drawn, whatever it says.
        terminal.bytes_until_quiet(1.0)
        terminal.press(b"t")
        terminal.seconds_until(b"esc leave")
        terminal.bytes_until_quiet(1.0)
        calm = _ticks(terminal, folder)
        flood = _flood(terminal, folder)
    finally:
        terminal.close()
    print(f"{columns}x{lines}, a line each {TICK_SECONDS} s, an epoch each second:")
    print(f"  written to shown    {_p95(calm.ages) * 1000:6.0f} ms p95, {_median(calm.ages):.0f} ms median"
          f" ({len(calm.ages)} lines; target 200)")  # fmt: skip
    print(f"  bytes in one go     {max(calm.bursts):6,} at most, {statistics.mean(calm.bursts[1:]):,.0f} on average"
          " (target 5,000)")  # fmt: skip
    print(f"  {LINES_PER_SECOND:,} lines/s      {_p95(flood.ages) * 1000:6.0f} ms p95,"
          f" {_median(flood.ages):.0f} ms median ({len(flood.ages)} lines that were seen)")  # fmt: skip


def _ticks(terminal: Terminal, folder: JobFolder) -> Reader:
    writer = Writer(folder)
    reader = Reader(terminal, writer)
    for tick in range(TICKS):
        writer.lines(1)
        if tick % 4 == 0:
            writer.progress(tick // 4 + 1)
        reader.read(time.perf_counter() + TICK_SECONDS)
    return reader


def _flood(terminal: Terminal, folder: JobFolder) -> Reader:
    writer = Writer(folder)
    reader = Reader(terminal, writer)
    end = time.perf_counter() + FLOOD_SECONDS
    while time.perf_counter() < end:
        writer.lines(LINES_PER_SECOND // 50)
        reader.read(time.perf_counter() + 0.02)
    reader.read(time.perf_counter() + 1.0)
    return reader


def _p95(ages: list[float]) -> float:
    return statistics.quantiles(ages, n=20)[-1] if len(ages) > 1 else float("nan")


def _median(ages: list[float]) -> float:
    return statistics.median(ages) * 1000 if ages else float("nan")


if __name__ == "__main__":
    main()
