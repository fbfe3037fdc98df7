"""`edm runs stop` and `tail`: the verbs on the job of a run."""

import sys
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import DONE, FAILED, json_option, print_json, print_outcome
from edm_core.errors import ActionError
from edm_core.workspace import find_workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunRow

_RUN = "RUN"


@click.command()
@click.argument("run", metavar=_RUN)
@json_option
def stop(run: str, as_json: bool) -> None:
    """Stop the job that trains a run.

    \b
    For example:
      edm runs stop cnn_lr1e-3
    """
    from edm_core.jobs.stop import stop_job
    from edm_core.stores.runs import find_run

    workspace = find_workspace()
    row = find_run(workspace, run)
    print_outcome(stop_job(workspace, _job_id(row, "stop")), as_json)


@click.command()
@click.argument("run", metavar=_RUN)
@click.option("--follow", "-f", "go_on", is_flag=True, help="Go on until the job has ended.")
@click.option("--all", "from_start", is_flag=True, help="Print the log from its beginning.")
@json_option
def tail(run: str, go_on: bool, from_start: bool, as_json: bool) -> int:
    """Print the last lines of a run's log. Leaving a followed log (Ctrl-C) leaves the job as it is.

    With --json, the log goes to stderr, and the job as it is then to stdout. A followed job that failed gives exit
    status 1.

    \b
    For example:
      edm runs tail cnn_lr1e-3 -f
    """
    from edm_core.cli.run_document import job_document
    from edm_core.jobs.folder import find_job
    from edm_core.jobs.follow import follow
    from edm_core.stores.runs import find_run

    workspace = find_workspace()
    job = find_job(workspace.jobs_dir, _job_id(find_run(workspace, run), "follow"))
    out = sys.stderr if as_json else sys.stdout
    ended = follow(job, out, until_end=go_on, from_start=from_start)
    if as_json:
        print_json(job_document(ended))
    return FAILED if go_on and ended.state in ("failed", "lost") else DONE


def _job_id(row: "RunRow", verb: str) -> str:
    if row.job is None:
        raise ActionError(
            f"run {row.name} was not launched as a job here, so there is nothing to {verb}",
            "`edm jobs list` shows the jobs of this machine.",
        )
    return row.job.id
