"""What a person, and the screen, see of a training while it goes on."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from edm_core.files import append_json_line

INTERVAL = 0.2
"""Seconds between two lines of progress, at the least: the screen draws no quicker."""


class Progress:
    """Progress to $EDM_JOB_DIR/progress.jsonl (where a job runs us), one line an epoch to `stream` (stdout unless
    given), and a bar on a terminal's stderr."""

    def __init__(
        self,
        run_name: str,
        epochs: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stdout
        job = os.environ.get("EDM_JOB_DIR")
        self._path = Path(job) / "progress.jsonl" if job else None
        self._bar = sys.stderr.isatty()
        self._clock = clock
        self._last = -INTERVAL
        self._run = {"run_id": "", "run_name": run_name}
        self._epochs = epochs

    def set_run_id(self, run_id: str) -> None:
        self._run["run_id"] = run_id

    def batch(self, epoch: int, batch: int, batches: int) -> None:
        """A step is done. Most calls write nothing."""
        now = self._clock()
        if now - self._last < INTERVAL:
            return
        self._last = now
        self._write(epoch, batch, batches, {})
        if self._bar:
            done = round(20 * batch / max(1, batches))
            sys.stderr.write(f"\repoch {epoch}/{self._epochs} [{'#' * done}{'.' * (20 - done)}] {batch}/{batches} ")
            sys.stderr.flush()

    def epoch(self, epoch: int, batches: int, metrics: Mapping[str, float]) -> None:
        """An epoch is done."""
        self._write(epoch, batches, batches, metrics)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items() if key != "best_epoch")
        self.say(f"epoch {epoch}/{self._epochs}  {shown}")

    def say(self, line: str) -> None:
        """One line of narration."""
        if self._bar:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self._stream.write(line + "\n")
        self._stream.flush()

    def _write(self, epoch: int, batch: int, batches: int, metrics: Mapping[str, float]) -> None:
        if self._path is not None:
            record = {"t": round(time.time(), 3), **self._run, "epoch": epoch, "epochs": self._epochs,
                      "batch": batch, "batches": batches, "metrics": dict(metrics)}  # fmt: skip
            append_json_line(self._path, record)
