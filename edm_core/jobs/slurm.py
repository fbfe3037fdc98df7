"""The engine `slurm`: jobs that a cluster queues and runs, in the same folders on the file system that nodes share.

The batch script starts our supervisor on the node (`slurm_node`), so the folder fills as it does on this machine;
what Slurm alone knows (why it waits, where it runs, until when) is asked with squeue and kept in engine.json.
"""

import shlex
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from edm_core.errors import JobError
from edm_core.jobs.ending import Ending, finish, write_ending
from edm_core.jobs.engine_settings import SlurmSettings, as_table, from_table
from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.new_folder import JobRequest, launching, make_folder, unmake
from edm_core.jobs.profiles import Profile
from edm_core.jobs.slurm_commands import SlurmJob, SlurmUnsureError, run_slurm, squeue
from edm_core.jobs.slurm_ending import ending_by_slurm
from edm_core.jobs.words import note_silence, read_engine, spoken, write_engine
from edm_core.snapshots.jobs import EngineState, JobSnapshot
from edm_core.workspace import Workspace

NAME = "slurm"
_LATE_SECONDS = 60.0
"""How long a file written on a node may take to be seen here."""
_YEAR_MINUTES = 525_600
_MARK = "edm:"


class Slurm:
    """Jobs of a cluster, driven by its commands."""

    name = NAME

    def launch(self, workspace: Workspace, profile: Profile, request: JobRequest) -> JobSnapshot:
        """Hand the job to Slurm and return at once. Raises JobError with Slurm's words when it refuses."""
        return load_job(self.launch_many(workspace, profile, [request])[0])

    def launch_many(
        self, workspace: Workspace, profile: Profile, requests: Sequence[JobRequest]
    ) -> tuple[JobFolder, ...]:
        """As `launch`; several go as one array."""
        settings = profile.settings if isinstance(profile.settings, SlurmSettings) else SlurmSettings()
        with launching(workspace):
            folders: tuple[JobFolder, ...] = ()
            for index, request in enumerate(requests):
                wanted = replace(request, command=_with_devices(request.command, settings))
                # Where an array's launcher is killed, each job is found again by the first one's mark and its number.
                array = [folders[0].id if folders else "", index] if len(requests) > 1 else None
                more = {"settings": as_table(settings), "hold": request.hold, "array": array}
                folders = (*folders, make_folder(workspace, wanted, NAME, **more))
            try:
                submit(workspace, settings, folders, hold=requests[0].hold)
            except SlurmUnsureError as error:
                for folder in folders:
                    note_silence(folder, EngineState(NAME), error.message)
            except JobError:
                # Slurm will not have it, so it never became a job.
                for folder in folders:
                    unmake(folder)
                raise
        return folders

    def ask(self, workspace: Workspace, folders: Sequence[JobFolder]) -> None:
        """Note what Slurm says of these jobs now; where it does not answer, that is noted too."""
        try:
            known = squeue()
        except JobError as error:
            for folder in folders:
                note_silence(folder, read_engine(folder, NAME), error.message)
            return
        for folder in folders:
            before = read_engine(folder, NAME)
            write_engine(folder, _find(known, folder, before))

    def settle(self, workspace: Workspace, folder: JobFolder) -> list[str]:
        """End a job that Slurm has ended and nobody else did; hand over one whose launcher was killed."""
        state = read_engine(folder, NAME)
        if state.error:
            return []
        if state.phase == "unsent":
            return _submit_again(workspace, folder)
        if state.phase not in ("ended", "gone") or folder.watched(folder.supervisor()) or _may_come(folder, state):
            return []
        ending = ending_by_slurm(folder, state)
        finish(folder, workspace, ending)
        return [f"job {folder.id} is {ending.state}: {ending.note}"]

    def stop(self, workspace: Workspace, folder: JobFolder, *, hard: bool = False) -> None:
        """Ask Slurm to end it: a running command gets SIGTERM through its supervisor first."""
        state = self._asked(workspace, folder)
        gentle = state.phase == "running" and folder.supervisor() is not None and not hard
        words = ["scancel", *(["--batch", "--signal=TERM"] if gentle else []), state.id]
        run_slurm(words, log=workspace.command_log_path)

    def hold(self, workspace: Workspace, folder: JobFolder, held: bool) -> None:
        """Keep a waiting job from starting, or let it go on."""
        state = self._waiting(workspace, folder)
        run_slurm(["scontrol", "hold" if held else "release", state.id], log=workspace.command_log_path)
        self.ask(workspace, [folder])

    def move(self, workspace: Workspace, folder: JobFolder, place: str) -> None:
        """Put it before the user's other jobs, where the cluster allows that, or behind them."""
        state = self._waiting(workspace, folder)
        if place == "first":
            run_slurm(["scontrol", "top", state.id], log=workspace.command_log_path)
        elif place == "last":
            run_slurm(["scontrol", "update", f"jobid={state.id}", "nice=1000"], log=workspace.command_log_path)
        else:
            raise JobError("Slurm orders its queue itself", "Only --first and --last can be asked of it.")
        self.ask(workspace, [folder])

    def _asked(self, workspace: Workspace, folder: JobFolder) -> EngineState:
        self.ask(workspace, [folder])
        state = read_engine(folder, NAME)
        if state.error or not state.id:
            raise JobError(state.error or f"job {folder.id} was not handed to Slurm yet", "Try again in a moment.")
        return state

    def _waiting(self, workspace: Workspace, folder: JobFolder) -> EngineState:
        state = self._asked(workspace, folder)
        if state.phase != "queued":
            raise JobError(
                f"job {folder.id} does not wait: Slurm says {state.state}", "Only waiting jobs can be ordered."
            )
        return state


def _with_devices(command: Sequence[str], settings: SlurmSettings) -> list[str]:
    """Our training is told how many processes share a node; any other command knows how to ask Slurm."""
    told = any(word == "--devices" or word.startswith("--devices=") for word in command)
    ours = list(command[:2]) == ["edm", "train"] and settings.tasks > 1
    return [*command, "--devices", str(settings.tasks)] if ours and not told else list(command)


def submit(workspace: Workspace, settings: SlurmSettings, folders: Sequence[JobFolder], *, hold: bool) -> None:
    """sbatch; several jobs become one array. Their ids are noted before this returns."""
    first = folders[0]
    array = len(folders) > 1
    if array:
        (first.path / "array").write_text("".join(f"{folder.path}\n" for folder in folders), encoding="utf-8")
    output = first.path / ("array-%a.log" if array else "supervisor.log")
    words = ["sbatch", "--parsable", f"--job-name={_title(first)}", f"--comment={_MARK}{first.id}",
             f"--output={output}", "--open-mode=append", f"--chdir={workspace.root}"]  # fmt: skip
    if array:
        words.append(f"--array=0-{len(folders) - 1}" + (f"%{settings.array}" if settings.array else ""))
    words += [*_options(settings), *(["--hold"] if hold else [])]
    script = _script(settings, first, array)
    answer = run_slurm(words, log=workspace.command_log_path, stdin=script, cwd=workspace.root)
    number = answer.strip().partition(";")[0].splitlines()[-1]
    for index, folder in enumerate(folders):
        name = f"{number}_{index}" if array else number
        write_engine(folder, EngineState(NAME, name, "queued", "PENDING", held=hold))


def _options(settings: SlurmSettings) -> list[str]:
    options = ["--requeue", f"--nodes={settings.nodes}", f"--ntasks-per-node={settings.tasks}"]
    if settings.partition:
        options.append(f"--partition={settings.partition}")
    if settings.time:
        options.append(f"--time={settings.time}")
    if settings.gpus:
        options.append(f"--gpus-per-node={settings.gpus}")
    if settings.cpus:
        options.append(f"--cpus-per-task={settings.cpus}")
    if settings.memory:
        options.append(f"--mem={settings.memory}")
    return [*options, *settings.options]


def _script(settings: SlurmSettings, first: JobFolder, array: bool) -> str:
    """The batch script: the profile's setup, then our supervisor in the shell's place, so that signals reach it."""
    lines = ["#!/bin/sh"]
    if settings.setup:
        lines += ["set -e", settings.setup, "set +e"]
    folder = shlex.quote(str(first.path))
    if array:
        lines.append(f'folder=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {shlex.quote(str(first.path / "array"))})')
        folder = '"$folder"'
    lines.append(f"exec {shlex.quote(sys.executable)} -P -m edm_core.jobs.slurm_node {folder}")
    return "\n".join(lines) + "\n"


def _title(folder: JobFolder) -> str:
    """The job's title for squeue, in characters that no shell or table minds."""
    title = str((folder.read(folder.job_file) or {}).get("title") or folder.id)
    return "".join(c if c.isalnum() or c in "-_.=" else "_" for c in title)[:60]


def _find(known: Sequence[SlurmJob], folder: JobFolder, before: EngineState) -> EngineState:
    """What Slurm says of the job: by its id, or by the mark in its comment where its launcher was killed early."""
    if before.id:
        return _news(before, before.id, next((job for job in known if job.is_job(before.id)), None))
    first, task = (folder.read(folder.job_file) or {}).get("array") or (folder.id, None)
    marked = [job for job in known if job.comment == f"{_MARK}{first or folder.id}"]
    found = next((job for job in marked if (task in job.tasks if job.array else task is None)), None)
    name = "" if found is None else f"{found.array}_{task}" if found.array else found.id
    return _news(before, name, found)


def _news(before: EngineState, name: str, job: SlurmJob | None) -> EngineState:
    if job is None:
        phase = "gone" if before.id else "unsent"
        return spoken(before, phase=phase, state="unknown" if before.id else "", reason="", held=False)
    return spoken(
        before, id=name, phase=job.phase, state=job.state, reason=job.reason, held=job.held,
        place=job.node, ends=_end(job), restarts=job.restarts,
    )  # fmt: skip


def _end(job: SlurmJob) -> float | None:
    """When it ends or ended. Without a limit Slurm says "in a year", which says nothing."""
    endless = job.phase == "running" and (job.limit_minutes is None or job.limit_minutes >= _YEAR_MINUTES)
    return None if endless or job.phase == "queued" else job.ends


def _may_come(folder: JobFolder, state: EngineState) -> bool:
    """Whether the supervisor's own exit.json, written on another machine, may only not be seen yet."""
    supervisor = folder.supervisor()
    here = not state.place or state.place == socket.gethostname().partition(".")[0]
    if here or (supervisor is not None and not supervisor.elsewhere()):
        return False
    return time.time() - (state.ends or time.time()) < _LATE_SECONDS


def _submit_again(workspace: Workspace, folder: JobFolder) -> list[str]:
    """Slurm answers and has no such job: its launcher was killed, or never heard back."""
    with launching(workspace):
        job = folder.read(folder.job_file) or {}
        state = read_engine(folder, NAME)
        if state.phase != "unsent" or folder.exit_file.exists() or folder.child_file.exists():
            return []
        if folder.stop_file.exists():
            write_ending(folder, Ending("stopped", note="stopped before it started"))
            return [f"job {folder.id} is stopped"]
        settings = from_table(SlurmSettings, job.get("settings"))
        try:
            submit(workspace, settings, [folder], hold=bool(job.get("hold")))
        except SlurmUnsureError as error:
            note_silence(folder, replace(state), error.message)
            return [error.message]
        except JobError as error:
            write_ending(folder, Ending("failed", note=error.message))
            raise
    return [f"job {folder.id} was handed to Slurm"]
