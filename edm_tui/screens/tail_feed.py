"""What is new in a job's folder: lines of the log, records of progress, and the job's state. Read in a thread."""

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.growing import GrowingRecords
from edm_core.jobs.logtail import LogBatch, LogTail
from edm_core.jobs.logtext import LogLine
from edm_core.jobs.progress import progress_of
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_tui.widgets.log_buffer import LogRow

WHOLE_BYTES = 2_000_000
"""Logs up to this size are read from their start, larger ones from near their end."""


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last poll. `job` is None where its state is as before."""

    lines: tuple[LogRow, ...] = ()
    replace_last: bool = False
    restarted: bool = False
    progress: tuple[Progress, ...] = ()
    job: JobSnapshot | None = None

    def __bool__(self) -> bool:
        return bool(self.lines or self.restarted or self.progress or self.job)


class TailFeed:
    """Polled until the job has ended and all of its log was given."""

    def __init__(self, job: JobSnapshot) -> None:
        self._folder = JobFolder(Path(job.folder))
        self._log: LogTail | None = None
        self._records = GrowingRecords(self._folder.progress_file)
        self._job: JobSnapshot | None = None
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
            log = self._folder.log
            small = not log.exists() or log.stat().st_size <= WHOLE_BYTES
            self._log, self.whole = LogTail(log, from_start=small), small
        job = load_job(self._folder)
        batch = self._log.poll()
        records = tuple(progress_of(record) for record in self._records.poll())
        changed = job if job != self._job else None
        self._job = job
        self.ended = not job.active and not batch.lines and not records
        return News(_texts(batch), batch.replace_last, batch.restarted, records, changed)


def _texts(batch: LogBatch) -> tuple[LogRow, ...]:
    lines: tuple[LogRow, ...] = tuple(_styled(line) for line in batch.details)
    if not batch.skipped:
        return lines
    return (Text(f"… {batch.skipped:,} bytes came too quickly to be shown", style="dim"), *lines)


def _styled(line: LogLine) -> LogRow:
    if not line.spans:
        return line.text
    text = Text(line.text, end="", no_wrap=True)
    for span in line.spans:
        text.stylize(span.style, span.start, span.end)
    return text
