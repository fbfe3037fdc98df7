"""`edm runs` and `edm experiments`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import clean, json_option, print_json, print_table, say
from edm_core.cli.run_diff import diff
from edm_core.cli.run_plot import plot
from edm_core.cli.run_reproduce import lineage, reproduce
from edm_core.cli.run_verbs import edit, stop, tail
from edm_core.cli.run_versions import versions
from edm_core.workspace import find_workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunDetail, RunRow
    from edm_core.workspace import Workspace

_RUN = "RUN"


@click.group()
def runs() -> None:
    """List, show, compare, follow and stop runs. RUN is a name, a run id, or an unambiguous beginning of one.

    \b
    For example:
      edm runs list --filter "metrics.val_loss < 0.03" --order-by val_loss
      edm runs diff mert95m_baseline aug_heavy_dropout0.3
    """


@runs.command("list")
@click.option("--filter", "query", metavar="Q", default="", help="MLflow's filter language, plus OR, NOT, ( ).")
@click.option("--order-by", metavar="K", default="", help="Such as `metrics.val_loss DESC`, or a metric: best first.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows.")
@click.option("--experiment", metavar="NAME", help="Another experiment than the workspace's; * for all.")
@json_option
def list_runs(query: str, order_by: str, limit: int | None, experiment: str | None, as_json: bool) -> None:
    """List runs, newest first: what MLflow, DVC, the registry and the jobs know of each.

    \b
    For example:
      edm runs list --limit 20
      edm runs list --filter "params.backbone = 'cnn'" --order-by "metrics.boundary_f1 DESC" --json
      edm runs list --filter "metrics.val_loss < 0.03 AND NOT (status = 'FAILED' OR tags.kind = 'trial')"
    """
    from edm_core.cli.run_document import run_document, table
    from edm_core.stores.runs import load_rows, load_runs

    workspace = find_workspace()
    if query or order_by:
        from edm_core.stores.query import matching_runs

        matches = matching_runs(workspace, query, order_by, limit, experiment)
        rows: Sequence[RunRow] = load_rows(workspace, matches.run_ids)
        notice = matches.notice
    else:
        snapshot = load_runs(workspace, experiment, limit)
        rows, notice = snapshot.rows[:limit], snapshot.notice
    if notice:
        say(notice)
    if as_json:
        print_json({"runs": [run_document(row) for row in rows]})
    elif rows:
        print_table(*table(rows, workspace.settings))
    else:
        say("No run is like that." if query else "No runs yet: `edm train` makes one.")


@runs.command()
@click.argument("run", metavar=_RUN)
@json_option
def show(run: str, as_json: bool) -> None:
    """Show all that is known of one run.

    \b
    For example:
      edm runs show mert95m_baseline
    """
    from edm_core.cli.run_document import detail_document
    from edm_core.stores.runs import find_run, load_detail

    workspace = find_workspace()
    detail = load_detail(workspace, find_run(workspace, run))
    if as_json:
        print_json(detail_document(detail))
    else:
        _print_detail(detail)


def _print_detail(detail: "RunDetail") -> None:
    from edm_core.cli.run_document import best, number, started, state, took
    from edm_core.cli.run_document import duration as seconds_of

    row = detail.row
    facts = [
        ("run", row.name), ("id", row.run_id), ("state", state(row)), ("data", row.data_state.word),
        ("model", row.model), ("started", started(row)), ("took", took(seconds_of(row))), ("user", row.user),
        ("experiment", row.experiment), ("commit", row.git_commit), ("folder", row.run_dir), ("note", row.note),
    ]  # fmt: skip
    for name, value in facts:
        if value:
            click.echo(f"{name:<11} {clean(value)}")
    if row.metrics:
        click.echo()
        lines = [[key, number(s.last), f"@{s.last_step}", best(s)] for key, s in row.metrics.items()]
        print_table(["METRIC", "LAST", "STEP", "BEST"], lines, right=(1, 2, 3))
    if row.params:
        click.echo()
        print_table(["PARAM", "VALUE"], [[key, value] for key, value in row.params.items()])
    if detail.metadata:
        click.echo(f"\nmetadata.yaml\n{clean(detail.metadata.rstrip())}")
    if detail.files:
        click.echo(f"\n{detail.files_total} files, {detail.bytes_total / 1e6:.1f} MB")


for command in (diff, edit, lineage, plot, reproduce, stop, tail, versions):
    runs.add_command(command)


@click.group()
def experiments() -> None:
    """List MLflow's experiments.

    \b
    For example:
      edm experiments list
    """


@experiments.command("list")
@json_option
def list_experiments(as_json: bool) -> None:
    """List the active experiments and how many runs each holds.

    \b
    For example:
      edm experiments list --json
    """
    from edm_core.stores import runs as store

    workspace = find_workspace()
    found = store.list_experiments(workspace)
    if as_json:
        print_json({"experiments": [
            {"experiment_id": e.id, "name": e.name, "runs": e.runs, "artifact_location": e.artifact_location,
             "current": e.name == workspace.settings.tracking.experiment} for e in found
        ]})  # fmt: skip
        return
    lines = [[e.name, e.id, "" if e.runs is None else str(e.runs)] for e in found]
    print_table(["EXPERIMENT", "ID", "RUNS"], lines, right=(1, 2))


def _found(workspace: "Workspace", names: Sequence[str]) -> list["RunRow"]:
    """The runs of these names, each once."""
    from edm_core.stores.runs import find_run

    rows = [find_run(workspace, name) for name in names]
    return list({row.row_id: row for row in rows}.values())
