"""Printing a job's log as it grows: `edm jobs attach` and `edm runs tail`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.logtail import LogTail
from edm_core.snapshots.jobs import JobSnapshot

_LOOK_SECONDS = 0.1
_POLL_BYTES = 1 << 20


def follow(
    job: JobSnapshot,
    out: TextIO,
    *,
    until_end: bool = True,
    from_start: bool = False,
    wait: Callable[[float], None] = time.sleep,
    look: Callable[[JobFolder], JobSnapshot] = load_job,
) -> JobSnapshot:
    """Print the last lines of the job's log to `out` (all of them with `from_start`); the job as it is then.

    With `until_end`, go on until the job has ended and all of its log is printed. Lines are printed when they are
    complete, so a progress bar is printed once, as it ended. An interrupt leaves the job as it is. `look` tells how
    the job is, where its folder alone does not.
    """
    folder = JobFolder(Path(job.folder))
    tail = LogTail(folder.log, from_start=from_start, skip=False)
    open_line = ""
    while True:
        # The state first: what the job said before it ended is then certainly in the log.
        job = look(folder)
        batch = tail.poll(_POLL_BYTES, max_seconds=1.0)
        lines = list(batch.lines)
        complete = lines if tail.at_line_start else lines[:-1]
        open_line = "" if tail.at_line_start else (lines[-1] if lines else open_line)
        out.writelines(f"{line}\n" for line in complete)
        out.flush()
        if tail.behind:
            continue
        if not (until_end and job.active):
            break
        wait(_LOOK_SECONDS)
    if open_line:
        out.write(f"{open_line}\n")
        out.flush()
    return job
