"""The engine `ssh`: jobs in a workspace on another host, under the supervisor there, copied into the folder here.

A process of ours (`ssh_mirror`) holds the line and fills the job's folder as it grows there, so everything that reads
a folder works as on this machine. When the line drops it is taken up again; the job there does not notice.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from edm_core.errors import JobError
from edm_core.gitrepo import git_of
from edm_core.jobs.engine_settings import SshSettings, as_table, from_table
from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.new_folder import JobRequest, launching, make_folder, unmake
from edm_core.jobs.profiles import Profile
from edm_core.jobs.slots import try_lock
from edm_core.jobs.ssh_line import SshError, run_there
from edm_core.jobs.words import note_silence, read_engine, spoken, write_engine
from edm_core.snapshots.jobs import EngineState, JobSnapshot
from edm_core.workspace import Workspace

NAME = "ssh"
NO_JOB = "there is no job"
"""How the host says that it has not the job, or no longer."""
_STOP_SECONDS = 60.0


class Ssh:
    """Jobs on hosts that the user's ssh config knows."""

    name = NAME

    def launch(self, workspace: Workspace, profile: Profile, request: JobRequest) -> JobSnapshot:
        """Start it there and return. Raises JobError when the host is dead or refuses; then nothing is left here."""
        settings = profile.settings if isinstance(profile.settings, SshSettings) else SshSettings()
        with launching(workspace):
            folder = make_folder(workspace, request, NAME, settings=as_table(settings), hold=request.hold)
            write_engine(folder, EngineState(NAME, place=settings.host))
        try:
            hand_over(workspace, folder)
        except JobError as error:
            if not isinstance(error, SshError) or not error.reached:
                unmake(folder)
                raise
            # It may have arrived: the mirror asks again, under the same id.
            note_silence(folder, read_engine(folder, NAME), error.message)
        start_mirror(folder)
        return load_job(folder)

    def ask(self, workspace: Workspace, folders: Sequence[JobFolder]) -> None:
        """See that each job has its mirror, which keeps its folder up to date."""
        for folder in folders:
            start_mirror(folder)

    def settle(self, workspace: Workspace, folder: JobFolder) -> list[str]:
        """The supervisor there and the mirror here do all that there is."""
        return []

    def stop(self, workspace: Workspace, folder: JobFolder, *, hard: bool = False) -> None:
        """Stop it there; the folder here learns of it through the mirror."""
        request = folder.read(folder.stop_file) or {}
        grace = 0.0 if hard else float(request.get("grace", 10.0))
        settings = settings_of(folder)
        words = ["jobs", "stop", folder.id, "--grace", f"{grace:g}", "--json"]
        run_there(settings, words, workspace.root, timeout=grace + _STOP_SECONDS)

    def hold(self, workspace: Workspace, folder: JobFolder, held: bool) -> None:
        """Keep it from starting there, or let it go on."""
        run_there(settings_of(folder), ["jobs", "hold", folder.id, *([] if held else ["--release"])], workspace.root)
        write_engine(folder, spoken(read_engine(folder, NAME), held=held))

    def move(self, workspace: Workspace, folder: JobFolder, place: str) -> None:
        """Change its place in the queue there."""
        words = [f"--{place}"] if place in ("first", "last") else ["--before", place]
        run_there(settings_of(folder), ["jobs", "move", folder.id, *words], workspace.root)


def settings_of(folder: JobFolder) -> SshSettings:
    """What the profile said when the job was launched."""
    return from_table(SshSettings, (folder.read(folder.job_file) or {}).get("settings"))


def hand_over(workspace: Workspace, folder: JobFolder) -> None:
    """Launch the job there, under the same id: a second time it is only found there. Raises JobError."""
    job = folder.read(folder.job_file) or {}
    wanted = {key: job.get(key) for key in ("id", "command", "title", "run_name", "env", "profile", "fields", "hold")}
    wanted["cwd"] = os.path.relpath(str(job["cwd"]), workspace.root)
    wanted["code"] = code_here(workspace)
    answer = run_there(settings_of(folder), ["jobs", "receive"], workspace.root, stdin=json.dumps(wanted))
    try:
        state = str(json.loads(answer)["state"])
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(
            f"{settings_of(folder).host}: edm there answered with something else", "Is it the same version?"
        ) from error
    before = read_engine(folder, NAME)
    write_engine(folder, spoken(before, phase="running" if state == "running" else "queued", state=state))


def code_here(workspace: Workspace) -> dict[str, object]:
    """The commit that a job launched here means, and by which first commits the project is known; {} without any."""
    git = git_of(workspace)
    head = git.head()
    return {"commit": head, "roots": git.answer("rev-list", "--max-parents=0", head).split()} if head else {}


def check_code(workspace: Workspace, code: Mapping[str, Any]) -> None:
    """That a clone of the same project here stands at the commit that a job from elsewhere means: nothing is brought.

    A folder without git, or another project's, is its owner's to keep. Raises JobError with what to do.
    """
    git, wanted = git_of(workspace), str(code.get("commit") or "")
    head = git.head() if wanted else ""
    if (
        not head
        or head == wanted
        or not set(git.answer("rev-list", "--max-parents=0", head).split()) & set(code.get("roots") or ())
    ):
        return
    there = git.ask("cat-file", "-e", f"{wanted}^{{commit}}").returncode == 0
    if not there:
        raise JobError(
            f"the workspace {workspace.root} has not the commit {wanted[:9]}, from which the job is launched",
            "`git push` where it is launched, and `git pull` there.",
        )
    raise JobError(
        f"the workspace {workspace.root} stands at {head[:9]}, the job is launched from {wanted[:9]}",
        f"`git checkout {wanted[:9]}` there, or `git pull`; or launch it from that commit.",
    )


def start_mirror(folder: JobFolder) -> None:
    """Start the process that copies the job's folder, unless one lives."""
    lock = try_lock(folder.lock_file)
    if lock is None:
        return
    os.close(lock)
    with (folder.path / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "edm_core.jobs.ssh_mirror", str(folder.path)], cwd=folder.path,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        ).wait()  # fmt: skip
