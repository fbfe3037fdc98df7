"""The tail's first lines: where the training is, how long it will take, and what its metrics say."""

import time

from rich.text import Text

from edm_core.jobs.usage import Usage
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_core.snapshots.runs import RunRow
from edm_tui.formatting import duration, number, size
from edm_tui.screens.curves import Curves
from edm_tui.widgets.cells import cut, plain

_WORDS = {"done": "done", "failed": "failed", "stopped": "stopped", "lost": "lost", "queued": "waiting for a slot"}
_MARKS = {"running": "▶", "done": "✓", "failed": "✗", "stopped": "■", "lost": "?", "queued": "…"}
_ASCII_MARKS = {"running": ">", "done": "v", "failed": "x", "stopped": "#", "lost": "?", "queued": "."}


def state_line(name: str, job: JobSnapshot | None, rate: float | None, *, ascii_only: bool) -> Text:
    """`cnn_lr3e-3   ▶ epoch 7/50 ▓▓▓░░░░░░░ 14%  ETA 11m  2.1 it/s`, as of the job's last word."""
    line = Text(cut(plain(name), 40), style="bold", end="")
    if job is None:
        return line.append("   no job: not started from here", style="not bold")
    marks = _ASCII_MARKS if ascii_only else _MARKS
    parts = [f"{marks.get(job.state, '?')} {_words(job)}"]
    if job.state == "running":
        parts += _running(job, rate, ascii_only)
    elif job.ended is not None and job.started is not None:
        parts.append(f"after {duration(job.ended - job.started)}")
    if job.note:
        parts.append(plain(job.note))
    line.append("   " + "  ".join(parts), style="not bold")
    for alarm in job.alarms:
        line.append("  ")
        line.append(f"! {plain(alarm.text)}", style="$warning")
    return line


def _words(job: JobSnapshot) -> str:
    progress = job.progress
    epochs = f"epoch {progress.epoch}/{progress.epochs}" if progress.epochs else ""
    if job.state == "running":
        return epochs or "running"
    word = "on hold" if job.held else _WORDS.get(job.state, job.state)
    code = f" (exit {job.exit_code})" if job.state == "failed" and job.exit_code is not None else ""
    return f"{word}{code}" + (f" at {epochs}" if epochs and job.state != "done" else "")


def _running(job: JobSnapshot, rate: float | None, ascii_only: bool) -> list[str]:
    parts = []
    if job.progress.epochs:
        parts.append(f"{bar(job.progress, 10, ascii_only)} {job.progress.fraction:.0%}")
        eta = job.eta_seconds(job.progress.at)
        if eta is not None:
            parts.append(f"ETA {duration(eta)}")
    if rate is not None:
        parts.append(f"{rate:.1f} it/s" if rate < 100 else f"{rate:.0f} it/s")
    silent = job.silent_minutes(time.time())
    if silent:
        parts.append(f"silent for {silent} min")
    return parts


def usage_text(usage: Usage | None) -> Text:
    """`cpu 180%  rss 1.2 GB  gpu 87% 12.3/80 GB`; nothing where nothing is known."""
    if usage is None:
        return Text(end="")
    parts = [] if usage.cpu is None else [f"cpu {usage.cpu:.0f}%"]
    parts.append(f"rss {size(usage.rss)}")
    many = len(usage.gpus) > 1
    for gpu in usage.gpus:
        parts.append(f"gpu{gpu.index if many else ''} {gpu.busy:.0f}% {gpu.used / 1e9:.1f}/{gpu.total / 1e9:.0f} GB")
    return Text("  ".join(parts), end="")


def with_right(left: Text, right: Text, width: int) -> Text:
    """Both on one line, the second at its right edge; left out where it has no room."""
    space = width - left.cell_len - right.cell_len
    return left if space < 1 or not right else Text.assemble(left, " " * space, right, end="")


def bar(progress: Progress, width: int, ascii_only: bool) -> str:
    """The share that is done as a bar."""
    full, empty = ("#", ".") if ascii_only else ("▓", "░")
    done = round(progress.fraction * width)
    return full * done + empty * (width - done)


def metrics_line(curves: Curves, row: RunRow | None) -> Text:
    """`train_loss 0.051  val_loss 0.0412 (best 0.0398 @6)`; the run's hypothesis or note where there are no metrics."""
    parts = []
    for name in curves.pair():
        last = curves.last(name)
        if last is None:
            continue
        best = curves.best(name)
        at = f" (best {number(best[1])} @{best[0]:g})" if best and not name.startswith("train") else ""
        parts.append(f"{plain(name)} {number(last)}{at}")
    if not parts and row is not None and row.note:
        parts.append(plain(row.note))
    return Text("   ".join(parts), end="")


class Rate:
    """Batches a second, over the last records of progress."""

    def __init__(self, window: int = 20) -> None:
        self._window = window
        self._seen: list[tuple[float, int]] = []

    def add(self, progress: Progress) -> None:
        """A record; one that goes back (a run that was resumed) begins anew."""
        batches = max(0, progress.epoch - 1) * progress.batches + progress.batch
        if self._seen and (batches < self._seen[-1][1] or progress.at < self._seen[-1][0]):
            self._seen.clear()
        self._seen = [*self._seen[-self._window :], (progress.at, batches)]

    @property
    def value(self) -> float | None:
        """None until two records lie apart."""
        if len(self._seen) < 2 or self._seen[-1][0] <= self._seen[0][0]:
            return None
        rate = (self._seen[-1][1] - self._seen[0][1]) / (self._seen[-1][0] - self._seen[0][0])
        return rate or None
