"""`edm runs edit`, `stop` and `tail`: the verbs on one run that other modules carry out."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edm_core.cli.output import DONE, FAILED, json_option, print_json, print_outcome, say
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


@click.command()
@click.argument("run", metavar=_RUN)
@click.option("--note", metavar="TEXT", help="MLflow's note of the run; an empty text takes it away.")
@click.option(
    "--set", "changes", metavar="KEY=VALUE", multiple=True, help="A key of metadata.yaml; dots go into sections."
)
@json_option
def edit(run: str, note: str | None, changes: Sequence[str], as_json: bool) -> None:
    """Edit a run's metadata.yaml and its note.

    \b
    For example:
      edm runs edit cnn_lr1e-3 --note "the one to beat" --set results.conclusion="steadier, not better"
    """
    from edm_core.actions.metadata import edit_metadata, set_note
    from edm_core.stores.runs import find_run

    wanted = dict(_assignment(change) for change in changes)
    if note is None and not wanted:
        raise click.UsageError("say what to change: --note TEXT or --set KEY=VALUE")
    workspace = find_workspace()
    row = find_run(workspace, run)
    outcomes = []
    if wanted:
        outcomes.append(edit_metadata(workspace, row, wanted, say=say))
    if note is not None:
        outcomes.append(set_note(workspace, row, note, say=say))
    print_outcome(_together(outcomes), as_json)


def _job_id(row: "RunRow", verb: str) -> str:
    if row.job is None:
        raise ActionError(
            f"run {row.name} was not launched as a job here, so there is nothing to {verb}",
            "`edm jobs list` shows the jobs of this machine.",
        )
    return row.job.id


def _assignment(text: str) -> tuple[str, Any]:
    """`key=value` as key and a plain value: YAML's numbers, true and false, else text; empty takes the key away."""
    import yaml

    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise click.UsageError(f"--set takes KEY=VALUE, not {text!r}")
    if not value:
        return key.strip(), None
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return key.strip(), value
    return key.strip(), parsed if isinstance(parsed, bool | int | float) else value


def _together(outcomes: list[Any]) -> Any:
    from edm_core.snapshots.outcome import Outcome

    if len(outcomes) == 1:
        return outcomes[0]
    stale = tuple(dict.fromkeys(store for outcome in outcomes for store in outcome.stale))
    data = {key: value for outcome in outcomes for key, value in outcome.data.items()}
    title = "; ".join(outcome.title for outcome in outcomes)
    return Outcome(title, " ".join(filter(None, (o.detail for o in outcomes))), "done", stale, data)
