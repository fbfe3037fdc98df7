"""`edm jobs`: launch, follow, stop and order jobs."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from edm_core.cli.jobs_far import receive, stream
from edm_core.cli.output import INTERRUPTED, json_option, plain, print_json, print_outcome, print_table, say
from edm_core.jobs.folder import JobFolder, find_job, load_job, load_jobs
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.outcome import Outcome
from edm_core.workspace import Workspace, find_workspace

_ENGINE_SECONDS = 2.0
"""How often an engine is asked about a job that is being followed."""


@click.group()
def jobs() -> None:
    """Launch, list, attach to and stop jobs: commands that go on without a terminal.

    \b
    For example:
      edm jobs launch -- edm train data/annotations --run-name cnn_lr1e-3
      edm jobs attach ab12
    """


@jobs.command("list")
@click.option("--active", is_flag=True, help="Only jobs that wait or run.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, newest first.")
@json_option
def list_command(active: bool, limit: int | None, as_json: bool) -> None:
    """List jobs, newest first; settle those whose supervisor died.

    \b
    For example:
      edm jobs list --active --json
    """
    from edm_core.jobs.reaper import settle

    workspace = find_workspace()
    for sentence in settle(workspace):
        say(sentence)
    found = [job for job in load_jobs(workspace.jobs_dir) if job.active or not active][:limit]
    if as_json:
        print_json({"jobs": [_document(job) for job in found]})
        return
    now, elsewhere = time.time(), any(job.there.words(0.0) for job in found)
    rows = [
        [job.id, "held" if job.held else job.state, _exit(job), _epoch(job), _age(now - job.created), job.title,
         *([job.there.words(now, job.active)] if elsewhere else [])]
        for job in found
    ]  # fmt: skip
    print_table(["id", "state", "exit", "epoch", "age", "title", *(["engine"] if elsewhere else [])], rows, (2, 3, 4))
    for job in found:
        for words in _worth_saying(job, now):
            say(f"{job.id}: {words}")


def _worth_saying(job: JobSnapshot, now: float) -> list[str]:
    """What a job's line in the list has no column for."""
    silent = job.silent_minutes(now)
    said = [f"silent for {silent} min"] if silent else []
    return [*(alarm.text for alarm in job.alarms), *said, *([job.note] if job.note and job.active else [])]


@jobs.command(context_settings={"ignore_unknown_options": True})
@click.option("--profile", default="local", show_default=True, help="Where to launch: a profile of edm.toml.")
@click.option("--name", default="", help="Title of the job in lists.")
@click.option("--set", "values", metavar="FIELD=VALUE", multiple=True, help="A field of the profile's command.")
@click.option("--again", "again", metavar="RUN", multiple=True, help="A run to launch once more, under a new name.")
@click.option("--hold", "held", is_flag=True, help="Let it wait until it is released.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@json_option
def launch(
    profile: str,
    name: str,
    values: tuple[str, ...],
    again: tuple[str, ...],
    held: bool,
    command: tuple[str, ...],
    as_json: bool,
) -> None:
    """Launch COMMAND, or the profile's own, as a job and return at once. It starts as soon as a slot is free.

    \b
    For example:
      edm jobs launch -- edm train data/annotations --run-name cnn_lr1e-3
      edm jobs launch --name probe -- python train.py --lr 0.01
      edm jobs launch --profile long --set lr=0.01 --set run_name=long_lr001
      edm jobs launch --again cnn_lr3e-3 --again cnn_lr1e-3
    """
    from edm_core.jobs.engines import launch_with
    from edm_core.jobs.new_folder import JobRequest
    from edm_core.jobs.profiles import RUN_NAME, load_profile

    workspace = find_workspace()
    if again:
        if command or values:
            raise click.UsageError("--again takes the command from the run: give no other.")
        _print_launched([_again(workspace, ref, held) for ref in again], as_json)
        return
    plan = load_profile(workspace.settings.launch, profile)
    if command and values:
        raise click.UsageError("--set fills in the profile's command: give one or the other.")
    words = list(command) or plan.command(_pairs(values))
    run_name = "" if command else _pairs(values).get(RUN_NAME, "")
    request = JobRequest(
        words, name, run_name, held, _cwd(workspace) if command else workspace.root, plan.env, profile, _pairs(values)
    )
    _print_launched([launch_with(workspace, plan, request)], as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.option("--from-start", is_flag=True, help="Print the whole log, not only its end.")
@json_option
def attach(job_id: str, from_start: bool, as_json: bool) -> None:
    """Follow a job's log until it ends; Ctrl-C leaves, and the job goes on.

    The exit status is 0 where the job is done, else 1.

    \b
    For example:
      edm jobs attach ab12
    """
    workspace = find_workspace()
    _follow(find_job(workspace.jobs_dir, job_id), from_start, as_json)


@jobs.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--grace", default=10.0, show_default=True, type=click.FloatRange(min=0), help="Seconds before SIGKILL.")
@json_option
def stop(job_ids: tuple[str, ...], grace: float, as_json: bool) -> None:
    """Stop jobs: SIGTERM, and SIGKILL after a grace. Waiting ones leave the queue.

    \b
    For example:
      edm jobs stop ab12
    """
    from edm_core.jobs.stop import stop_job

    workspace = find_workspace()
    known = [find_job(workspace.jobs_dir, ref).id for ref in job_ids]
    _print_all([stop_job(workspace, job_id, grace=grace) for job_id in known], as_json)


@jobs.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_option
def cancel(job_ids: tuple[str, ...], as_json: bool) -> None:
    """Take waiting jobs out of the queue.

    \b
    For example:
      edm jobs cancel ab12
    """
    from edm_core.jobs.stop import cancel_job

    workspace = find_workspace()
    _print_all([cancel_job(workspace, job_id) for job_id in job_ids], as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.option("--release", is_flag=True, help="Let it go on.")
@json_option
def hold(job_id: str, release: bool, as_json: bool) -> None:
    """Keep a waiting job from starting, or release it.

    \b
    For example:
      edm jobs hold ab12
      edm jobs hold ab12 --release
    """
    from edm_core.jobs.ordering import hold_job

    folder = _folder(job_id)
    hold_job(find_workspace(), folder, not release)
    _print_all([_changed(folder, "Released" if release else "Held")], as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.option("--first", "place", flag_value="first", default="first", help="To the front of the queue (default).")
@click.option("--last", "place", flag_value="last", help="To its end.")
@click.option("--before", metavar="ID", help="In front of another waiting job.")
@json_option
def move(job_id: str, place: str, before: str | None, as_json: bool) -> None:
    """Change a waiting job's place in the queue.

    \b
    For example:
      edm jobs move ab12 --first
      edm jobs move ab12 --before cd34
    """
    from edm_core.jobs.ordering import move_job

    folder = _folder(job_id)
    move_job(find_workspace(), folder, _folder(before).id if before else place)
    _print_all([_changed(folder, "Moved")], as_json)


def _again(workspace: Workspace, ref: str, held: bool) -> JobSnapshot:
    """Launch a run, or the run of a job, once more."""
    from edm_core.errors import NotFoundError
    from edm_core.jobs.again import again
    from edm_core.jobs.engines import launch_with
    from edm_core.jobs.names import used_names
    from edm_core.jobs.new_folder import JobRequest
    from edm_core.jobs.profiles import load_profile
    from edm_core.snapshots.runs import RunRow
    from edm_core.stores.runs import find_run

    known = load_jobs(workspace.jobs_dir)
    try:
        job = find_job(workspace.jobs_dir, ref)
        row = RunRow(run_id=job.run_id, name=job.run_name or job.title, job=job)
    except NotFoundError:
        row = find_run(workspace, ref)
    plan = again(workspace, row, used_names(workspace, known))
    request = JobRequest(
        plan.command, plan.run_name, plan.run_name, held, plan.cwd, plan.env, plan.profile, plan.fields
    )
    return launch_with(workspace, load_profile(workspace.settings.launch, plan.profile), request)


def _print_launched(launched: list[JobSnapshot], as_json: bool) -> None:
    title = f"Launched job {launched[0].id}" if len(launched) == 1 else f"Launched {len(launched)} jobs"
    if as_json:
        print_json(
            {"jobs": [_document(job) for job in launched], "title": title, "id": launched[0].id,
             "stale": ["runs", "jobs"]}
        )  # fmt: skip
        return
    for job in launched:
        click.echo(job.id)
        say(f"{job.there.words(time.time()) or job.state}: follow it with `edm jobs attach {job.id[-4:]}`")


def _follow(job: JobSnapshot, from_start: bool, as_json: bool) -> None:
    from edm_core.jobs.follow import follow

    try:
        # With --json stdout is one document, so the log goes to stderr.
        ended = follow(job, sys.stderr if as_json else sys.stdout, from_start=from_start, look=_watcher(job))
    except KeyboardInterrupt:
        say(f"left; job {job.id} goes on. `edm jobs attach {job.id}` comes back, `edm jobs stop {job.id}` ends it.")
        sys.exit(INTERRUPTED)
    if as_json:
        print_json({"jobs": [_document(ended)]})
    else:
        say(f"job {ended.id}: {ended.state}" + (f" ({ended.note})" if ended.note else ""))
    sys.exit(0 if ended.state == "done" else 1)


def _watcher(job: JobSnapshot) -> Callable[[JobFolder], JobSnapshot]:
    """How a job is looked at while it is followed: one elsewhere is asked for now and then, and what is new is told."""
    if job.engine == "local":
        return load_job
    from edm_core.jobs.engines import look

    workspace, asked, told = find_workspace(), 0.0, ("", "", "")

    def watch(folder: JobFolder) -> JobSnapshot:
        nonlocal asked, told
        if time.monotonic() - asked < _ENGINE_SECONDS:
            return load_job(folder)
        found = look(workspace, folder)
        asked = time.monotonic()
        state = found.there
        if found.active and told != (news := (state.state, state.reason, state.error)):
            told = news
            say(state.words(time.time()) + (f": {state.error}" if state.error else ""))
        return found

    return watch


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    """`lr=0.1` and the like as a mapping."""
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} is not FIELD=VALUE", param_hint="--set")
    return dict(value.split("=", 1) for value in values)


def _cwd(workspace: Workspace) -> Path:
    """Where the user stands, so that relative paths mean the same as without a job."""
    here = Path.cwd().resolve()
    return here if here.is_relative_to(workspace.root) else workspace.root


def _folder(ref: str) -> JobFolder:
    workspace = find_workspace()
    return JobFolder(workspace.jobs_dir / find_job(workspace.jobs_dir, ref).id)


def _changed(folder: JobFolder, verb: str) -> Outcome:
    job = load_job(folder)
    return Outcome(f"{verb} job {job.id}", job.title, stale=("jobs",), data={"jobs": [_document(job)]})


def _print_all(outcomes: list[Outcome], as_json: bool) -> None:
    if not as_json or len(outcomes) == 1:
        for outcome in outcomes:
            print_outcome(outcome, as_json)
        return
    documents = [job for outcome in outcomes for job in outcome.data["jobs"]]
    level = "warning" if any(outcome.level == "warning" for outcome in outcomes) else "done"
    print_json({"title": _title(outcomes), "detail": "", "level": level, "stale": ["runs", "jobs"], "jobs": documents})


def _title(outcomes: list[Outcome]) -> str:
    """`Stopped 3 jobs`; `3 jobs` where they did not all fare alike."""
    verbs = {outcome.title.split(" ")[0] for outcome in outcomes}
    return f"{verbs.pop()} {len(outcomes)} jobs" if len(verbs) == 1 else f"{len(outcomes)} jobs"


def _document(job: JobSnapshot) -> dict[str, object]:
    """A job as `--json` shows it."""
    fields: dict[str, object] = plain(job)
    return fields


def _exit(job: JobSnapshot) -> str:
    return "" if job.exit_code is None else str(job.exit_code)


def _epoch(job: JobSnapshot) -> str:
    return f"{job.progress.epoch}/{job.progress.epochs}" if job.progress.epochs else ""


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


jobs.add_command(receive)
jobs.add_command(stream)
