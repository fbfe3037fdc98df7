"""The process that copies a job's folder from its host: `python -m edm_core.jobs.ssh_mirror JOBDIR`.

It lives in a session of its own, as supervisors do, and as long as the job. When the line drops it says so in
engine.json and tries again, ever less often; what is here of the log says from which byte on.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edm_core.errors import JobError
from edm_core.jobs.ending import Ending, write_ending
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.slots import try_lock
from edm_core.jobs.ssh import NAME, NO_JOB, hand_over, settings_of
from edm_core.jobs.ssh_line import SshError, failure, ssh_words
from edm_core.jobs.ssh_stream import have, take
from edm_core.jobs.words import note_silence, read_engine
from edm_core.workspace import Workspace, find_workspace

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


def mirror(folder: JobFolder, workspace: Workspace) -> None:
    """Copy until the job has ended."""
    pause = _FIRST_PAUSE
    while not folder.exit_file.exists() and folder.path.exists():
        before = have(folder)
        try:
            if read_engine(folder, NAME).phase == "unsent":
                hand_over(workspace, folder)
            _follow(folder, workspace)
        except SshError as error:
            note_silence(folder, read_engine(folder, NAME), error.message)
        except JobError as error:
            if read_engine(folder, NAME).phase == "unsent":
                # The host is there, and will not have it.
                write_ending(folder, Ending("failed", note=error.message))
            elif NO_JOB in error.message:
                write_ending(folder, Ending("lost", note=error.message))
            note_silence(folder, read_engine(folder, NAME), error.message)
        if have(folder) != before:
            pause = _FIRST_PAUSE
        if not folder.exit_file.exists():
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)


def _follow(folder: JobFolder, workspace: Workspace) -> None:
    """Take in what is sent until the line drops or the job ends. Raises JobError."""
    settings = settings_of(folder)
    words = ["jobs", "stream", folder.id, json.dumps(have(folder))]
    with (
        tempfile.TemporaryFile() as err,
        subprocess.Popen(
            ssh_words(settings, words, workspace.root), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err
        ) as line,
    ):
        assert line.stdout is not None
        try:
            if take(folder, line.stdout, NAME, settings.host):
                return
        finally:
            line.terminate()
        code = line.wait()
        err.seek(0)
        said = err.read().decode(errors="replace")
    raise failure(settings, code if code > 0 else 255, said)


def main(argv: list[str]) -> None:
    """Leave the starter's process tree and copy."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    folder = JobFolder(Path(argv[0]))
    lock, job = try_lock(folder.lock_file), folder.read(folder.job_file)
    if lock is not None and job is not None:
        mirror(folder, find_workspace(Path(job["root"])))


if __name__ == "__main__":
    main(sys.argv[1:])
