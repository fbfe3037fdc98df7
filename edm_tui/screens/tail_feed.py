"""What is new in a job's folder: lines of the log, records of progress, and the job's state. Read in a thread."""

import time
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.growing import GrowingRecords
from edm_core.jobs.logtail import LogBatch, LogTail
from edm_core.jobs.logtext import LogLine
from edm_core.jobs.logtimes import LogTimes
from edm_core.jobs.progress import progress_of
from edm_core.jobs.usage import Usage, UsageProbe
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_tui.widgets.log_buffer import MAX_LINES, LogRow

WHOLE_BYTES = 2_000_000
"""Logs up to this size are read from their start, larger ones from near their end."""
CONTEXT_BYTES, WINDOW_BYTES = 8192, 1 << 20
"""Of a place in a large log: what is shown of before, and how much in all."""
STATE_SECONDS = 0.4
"""How often the job's state is read; its log is looked at more often."""
USAGE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last poll. `job` and `usage` are None where they are as before. `times` has an entry (Unix
    seconds) for each line."""

    lines: tuple[LogRow, ...] = ()
    replace_last: bool = False
    restarted: bool = False
    progress: tuple[Progress, ...] = ()
    job: JobSnapshot | None = None
    times: tuple[float, ...] = ()
    usage: Usage | None = None

    def __bool__(self) -> bool:
        return bool(self.lines or self.restarted or self.progress or self.job or self.usage)


class TailFeed:
    """Polled until the job has ended and all of its log was given."""

    def __init__(self, job: JobSnapshot) -> None:
        self._folder = JobFolder(Path(job.folder))
        self._log: LogTail | None = None
        self._times = LogTimes(self._folder.times_file)
        self._records = GrowingRecords(self._folder.progress_file)
        self._job: JobSnapshot | None = None
        self._probe: UsageProbe | None = None
        self._state_due = self._usage_due = 0.0
        self._followed = False
        self.ended = False
        self.whole = True
        """Whether the log was given from its first line on."""

    @property
    def log(self) -> Path:
        return self._folder.log

    @property
    def behind(self) -> bool:
        """Whether there is more to read at once."""
        return self._log is not None and self._log.behind > 0

    def poll(self) -> News:
        """What is new. The state is read before the log, so that nothing is missed of a job that ends meanwhile."""
        if self._log is None:
            self._open()
        changed, over = self._state()
        batch = self._log.poll() if self._log is not None else LogBatch()
        records = tuple(progress_of(record) for record in self._records.poll())
        self.ended = over and not batch.lines and not records
        lines, times = self._lines(batch)
        self._followed = self._followed or not self.behind
        return News(lines, batch.replace_last, batch.restarted, records, changed, times, self._usage())

    def window(self, offset: int) -> News:
        """The lines around a byte of the log."""
        tail = LogTail(self.log, start=_line_before(self.log, max(0, offset - CONTEXT_BYTES)), skip=False)
        lines, times = self._lines(tail.poll(WINDOW_BYTES, max_seconds=0.5))
        # No more than the view keeps: it would drop the first ones.
        return News(lines[: MAX_LINES // 2], times=times[: MAX_LINES // 2])

    def _open(self) -> None:
        small = not self.log.exists() or self.log.stat().st_size <= WHOLE_BYTES
        self._log, self.whole = LogTail(self.log, from_start=small), small

    def _state(self) -> tuple[JobSnapshot | None, bool]:
        """The job where it is another than before, and whether it has ended."""
        now = time.monotonic()
        if self._job is not None and (now < self._state_due or not self._job.active):
            return None, not self._job.active
        self._state_due = now + STATE_SECONDS
        job = load_job(self._folder)
        changed = job if job != self._job else None
        self._job = job
        return changed, not job.active

    def _usage(self) -> Usage | None:
        now = time.monotonic()
        if self._job is None or self._job.state != "running" or now < self._usage_due:
            return None
        if self._probe is None:
            child = self._folder.child()
            if child is None:
                return None
            self._probe = UsageProbe(child, visible_gpus(self._job.place))
        self._usage_due = now + USAGE_SECONDS
        return self._probe.sample()

    def _lines(self, batch: LogBatch) -> tuple[tuple[LogRow, ...], tuple[float, ...]]:
        if batch.offsets:
            self._times.read()
        # A line that is too new for a note came just now; of an old log without notes nothing is known.
        late = batch.at if self._followed or self._times.any else 0.0
        times = tuple(self._times.at(offset) or late for offset in batch.offsets)
        lines: tuple[LogRow, ...] = tuple(_styled(line) for line in batch.details)
        if not batch.skipped:
            return lines, times
        left_out = Text(f"… {batch.skipped:,} bytes came too quickly to be shown", style="dim")
        return (left_out, *lines), (batch.at, *times)


def visible_gpus(place: str) -> tuple[str, ...]:
    """The GPUs that a place such as `gpu 1` names; () where it names none."""
    return tuple(place.removeprefix("gpu ").split(",")) if place.startswith("gpu ") else ()


def _line_before(log: Path, offset: int) -> int:
    """The beginning of the first whole line from `offset` on."""
    if not offset:
        return 0
    with log.open("rb") as file:
        file.seek(offset)
        return offset + len(file.readline(CONTEXT_BYTES))


def _styled(line: LogLine) -> LogRow:
    if not line.spans:
        return line.text
    text = Text(line.text, end="", no_wrap=True)
    for span in line.spans:
        text.stylize(span.style, span.start, span.end)
    return text
