"""What runs on the node: `python -m edm_core.jobs.slurm_node JOBDIR`, in the place of the batch script.

The same supervisor as on this machine, without a slot to wait for. When Slurm takes the job back (preemption, a lost
node, `scontrol requeue`) no end is written: the next start goes on from the last checkpoint.
"""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edm_core.errors import JobError
from edm_core.files import write_json
from edm_core.jobs.child import resolve
from edm_core.jobs.ending import Ending, tell_mlflow
from edm_core.jobs.engine_settings import SlurmSettings, from_table
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.identity import this_process
from edm_core.jobs.new_folder import run_name_in
from edm_core.jobs.progress import last_progress, text
from edm_core.jobs.slots import try_lock
from edm_core.jobs.slurm_commands import SlurmJob, squeue
from edm_core.jobs.slurm_ending import ending_word
from edm_core.jobs.supervisor import Supervisor
from edm_core.workspace import Workspace, find_workspace

_LOOK_SECONDS, _LOOKS = 0.5, 6
_LEAVING_SECONDS = 60.0
_SRUN = ("srun", "--kill-on-bad-exit=1")


def run_job(folder: JobFolder, env: Mapping[str, str]) -> int:
    """See the job through; the batch script's exit code, so that Slurm's word for the end is ours."""
    restarts = int(env.get("SLURM_RESTART_COUNT") or 0)
    # The start before this one may still be on its way out: Slurm can begin the next before that process has ended.
    deadline = time.monotonic() + (_LEAVING_SECONDS if restarts else 0.0)
    while (lock := try_lock(folder.lock_file)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    job = folder.read(folder.job_file)
    if lock is None or job is None or folder.exit_file.exists() or (folder.child_file.exists() and not restarts):
        print(f"job {folder.id} has ended, or another process has it", file=sys.stderr)  # noqa: T201 - a file in the job folder
        return 1
    workspace = find_workspace(Path(job["root"]))
    job |= {"supervisor": this_process().as_json()}
    if restarts:
        again(folder, job, workspace, restarts)
    command = resumed(job, workspace, folder) if restarts else list(job["command"])
    settings = from_table(SlurmSettings, job.get("settings"))
    supervisor = Supervisor(folder, job, workspace)
    write_json(folder.job_file, job)
    supervisor.command = [*_SRUN, *resolve(command)] if settings.srun else command
    ending = supervisor.run_command(None)
    if ending.exit_code and not folder.stop_file.exists():
        # Slurm signals all processes at once, so the command may be seen to end before the signal comes here.
        from_outside = supervisor.bell.terminated or ending.state == "stopped" or bool(ending.signal)
        said = _verdict(env, _LOOKS if from_outside else 1)
        if said is not None and (said.phase == "queued" or said.restarts > restarts):
            _say(folder, f"Slurm takes the job back{f' ({said.reason})' if said.reason else ''} and starts it again")
            return 1
        if said is None and from_outside:
            # Whether it starts again nobody can say now: Slurm's own word ends the job, with the next look at it.
            return ending.exit_code
        ending = _refined(ending, said)
    supervisor.finish(ending)
    return ending.exit_code or 0


def again(folder: JobFolder, job: dict[str, Any], workspace: Workspace, restarts: int) -> None:
    """Make room for another start: what the first one left is kept under other names."""
    _say(folder, f"Slurm starts this job again (restart {restarts})")
    if folder.child_file.exists():
        folder.child_file.rename(folder.path / f"child-{restarts}.json")
    if not _ours(job["command"]):
        # A run of ours is opened again by --resume; of any other script the next start opens a new one.
        ending = Ending("stopped", note=f"ended with start {restarts} of its job")
        with contextlib.suppress(JobError):
            tell_mlflow(folder, workspace, ending, time.time())


def resumed(job: Mapping[str, Any], workspace: Workspace, folder: JobFolder) -> list[str]:
    """The command of a further start: `edm train` goes on with the run that it has begun."""
    command = [str(word) for word in job["command"]]
    if not _ours(command):
        return [*command, *from_table(SlurmSettings, job.get("settings")).resume]
    name = run_name_in(command) or text(last_progress(folder.progress_file).get("run_name"))
    if "--resume" in command or not name or not workspace.run_folder(name).exists():
        return command
    return [*command, *([] if run_name_in(command) else ["--run-name", name]), "--resume"]


def _ours(command: list[str]) -> bool:
    return command[:2] == ["edm", "train"]


def _verdict(env: Mapping[str, str], looks: int) -> SlurmJob | None:
    """What Slurm makes of a job that it may just have signalled; None where it cannot be asked."""
    array, task = env.get("SLURM_ARRAY_JOB_ID"), env.get("SLURM_ARRAY_TASK_ID")
    wanted = f"{array}_{task}" if array and task else env.get("SLURM_JOB_ID", "")
    found: SlurmJob | None = None
    for look in range(looks):
        if look:
            time.sleep(_LOOK_SECONDS)
        with contextlib.suppress(JobError):
            found = next((job for job in squeue() if job.is_job(wanted)), None)
            if found is None or found.state != "RUNNING":
                break
    return found


def _refined(ending: Ending, said: SlurmJob | None) -> Ending:
    if said is None:
        return ending
    word = said.state
    if word == "COMPLETING":
        # All that older versions say while this process lives; only the time limit is named as the reason.
        word = "TIMEOUT" if said.reason == "TimeLimit" else "CANCELLED"
    known = ending_word(word)
    return ending if known is None else Ending(known.state, ending.exit_code, ending.signal, known.note)


def _say(folder: JobFolder, line: str) -> None:
    with folder.log.open("a", encoding="utf-8") as log:
        log.write(f"edm: {line}\n")


if __name__ == "__main__":
    sys.exit(run_job(JobFolder(Path(sys.argv[1])), os.environ))
