"""`edm runs` and `edm experiments`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import clean, json_option, print_json, print_table
from edm_core.cli.run_diff import diff
from edm_core.cli.run_edit import delete, edit, rename, restore, tag
from edm_core.cli.run_list import list_runs
from edm_core.cli.run_plot import plot
from edm_core.cli.run_reproduce import lineage, reproduce
from edm_core.cli.run_verbs import stop, tail
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
    from edm_core.table.values import duration

    row = detail.row
    facts = [
        ("run", row.name), ("id", row.run_id), ("state", state(row)), ("data", row.data_state.word),
        ("model", row.model), ("started", started(row)), ("took", took(duration(row))), ("user", row.user),
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


for command in (
    list_runs, diff, edit, rename, tag, delete, restore, lineage, plot, reproduce, stop, tail, versions
):  # fmt: skip
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
