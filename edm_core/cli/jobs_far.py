"""The verbs that another machine's `edm` calls here over ssh: take a job, and send its folder as it grows."""

import json
import sys
import time
from typing import Any

import click

from edm_core.cli.output import print_json
from edm_core.errors import JobError
from edm_core.workspace import find_workspace

_SETTLE_SECONDS = 5.0


@click.command(hidden=True)
def receive() -> None:
    """Launch the job that stdin describes, under its id; one that is here already is only named.

    \b
    For example:
      ssh gpu1 'cd project && edm jobs receive' < job.json
    """
    from edm_core.jobs.folder import JobFolder, load_job
    from edm_core.jobs.local import launch_here
    from edm_core.jobs.new_folder import JobRequest
    from edm_core.jobs.ssh import check_code

    workspace = find_workspace()
    wanted = _request(sys.stdin.read())
    folder = JobFolder(workspace.jobs_dir / wanted["id"])
    if folder.path.exists():
        print_json({"id": folder.id, "state": load_job(folder).state})
        return
    cwd = (workspace.root / wanted["cwd"]).resolve()
    if not cwd.is_relative_to(workspace.root) or not cwd.is_dir():
        raise JobError(
            f"there is no folder {wanted['cwd']} in {workspace.root}", "Bring the workspace there up to date."
        )
    check_code(workspace, wanted.get("code") or {})
    job = launch_here(workspace, JobRequest(
        wanted["command"], wanted["title"], wanted["run_name"], wanted["hold"], cwd, wanted["env"], "local",
        wanted["fields"], wanted["id"],
    ))  # fmt: skip
    print_json({"id": job.id, "state": job.state})


@click.command(hidden=True)
@click.argument("job_id")
@click.argument("have")
def stream(job_id: str, have: str) -> None:
    """Send the folder of job JOB_ID as it grows, from the bytes on that HAVE (JSON) names, until the job has ended.

    \b
    For example:
      edm jobs stream 20261123-171203-ab12 '{"log": 0, "progress.jsonl": 0}'
    """
    from edm_core.jobs.folder import JobFolder, load_job
    from edm_core.jobs.reaper import settle
    from edm_core.jobs.ssh import NO_JOB
    from edm_core.jobs.ssh_stream import GROWING, send
    from edm_core.snapshots.jobs import JobSnapshot

    workspace = find_workspace()
    folder = JobFolder(workspace.jobs_dir / job_id)
    if not folder.job_file.exists():
        raise JobError(f"{NO_JOB} {job_id}", "Its folder was removed.")
    settled = float("-inf")

    def look() -> JobSnapshot:
        nonlocal settled
        if time.monotonic() - settled > _SETTLE_SECONDS:
            settled = time.monotonic()
            settle(workspace)
        return load_job(folder)

    known = json.loads(have)
    send(folder, {name: int(known.get(name, 0)) for name in GROWING}, sys.stdout.buffer, look, time.sleep)


def _request(text: str) -> dict[str, Any]:
    try:
        wanted = json.loads(text)
        if not isinstance(wanted["command"], list) or "/" in wanted["id"] or wanted["id"].startswith("."):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(
            "what came over the line describes no job", "Use the same version of edm on both sides."
        ) from error
    return dict(wanted)
