"""`edm runs list`: as a table, as JSON, as a saved view shows them, or into a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import json_option, print_json, print_table, say
from edm_core.workspace import find_workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunRow
    from edm_core.table.groups import Arrangement
    from edm_core.table.sheet import Sheet
    from edm_core.table.view import View
    from edm_core.workspace import Workspace


@click.command("list")
@click.option("--filter", "query", metavar="Q", default="", help="MLflow's filter language, plus OR, NOT, ( ).")
@click.option("--order-by", metavar="K", default="", help="Such as `metrics.val_loss DESC`, or a metric: best first.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows.")
@click.option("--experiment", metavar="NAME", help="Another experiment than the workspace's; * for all.")
@click.option("--view", "called", metavar="NAME", help="Columns, order, filter and group of a saved view.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a new file.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "json", "markdown", "parquet"]), help="Default: as FILE ends."
)
@click.option("--force", is_flag=True, help="Replace FILE where it is there.")
@click.option("--deleted", is_flag=True, help="The runs that are deleted in MLflow instead.")
@json_option
def list_runs(
    query: str, order_by: str, limit: int | None, experiment: str | None, called: str | None, output: Path | None,
    kind: str | None, force: bool, deleted: bool, as_json: bool,
) -> None:  # fmt: skip
    """List runs, newest first: what MLflow, DVC, the registry and the jobs know of each.

    \b
    For example:
      edm runs list --limit 20
      edm runs list --filter "params.backbone = 'cnn'" --order-by "metrics.boundary_f1 DESC" --json
      edm runs list --filter "metrics.val_loss < 0.03 AND NOT (status = 'FAILED' OR tags.kind = 'trial')"
      edm runs list --view sweep --output runs.parquet
    """
    from edm_core.table.saved import find_view

    workspace = find_workspace()
    view = find_view(workspace, called).view if called else None
    rows, notice = _rows(workspace, query, order_by, limit, experiment, view, deleted)
    if notice:
        say(notice)
    if view is None and output is None and kind is None:
        _print(workspace, rows, as_json, "No run is like that." if query or deleted else "")
        return
    arrangement = _arranged(workspace, rows, view, sorted_already=bool(order_by), limit=limit)
    if output is None and kind is None:
        _print_view(workspace, arrangement, view, as_json)
    else:
        _export(workspace, arrangement, view, output, kind, force, as_json)


def _rows(
    workspace: "Workspace", query: str, order_by: str, limit: int | None, experiment: str | None,
    view: "View | None", deleted: bool,
) -> "tuple[Sequence[RunRow], str]":  # fmt: skip
    """The runs in order, and what must be said of how they were found. A view narrows by name before it is cut."""
    from edm_core.stores.runs import load_rows, load_runs

    if deleted:
        from edm_core.stores.deleted import deleted_runs

        if query or order_by:
            raise click.UsageError("--deleted cannot be filtered or sorted")
        own = workspace.settings.tracking.experiment
        return deleted_runs(workspace, None if experiment == "*" else experiment or own)[:limit], ""
    most, metrics = limit, view.metrics() if view is not None else ()
    if view is not None:
        query = f"({query}) AND ({view.query})" if query and view.query else query or view.query
        most = None
    if not (query or order_by):
        snapshot = load_runs(workspace, experiment, most, metrics)
        return snapshot.rows[:most], snapshot.notice
    from edm_core.stores.query import matching_runs

    matches = matching_runs(workspace, query, order_by, most, experiment)
    return load_rows(workspace, matches.run_ids, metrics), matches.notice


def _arranged(
    workspace: "Workspace", rows: "Sequence[RunRow]", view: "View | None", *, sorted_already: bool, limit: int | None
) -> "Arrangement":
    from edm_core.table.frame import Frame
    from edm_core.table.groups import arrange
    from edm_core.table.view import FLAT, View

    wanted = view or View(group=FLAT)
    if sorted_already:
        wanted = replace(wanted, sort=(), group=wanted.group or FLAT)
    arrangement = arrange(Frame(rows, workspace.settings.metrics), wanted)
    arrangement.lines, arrangement.runs = arrangement.lines[:limit], arrangement.runs[:limit]
    return arrangement


def _print(workspace: "Workspace", rows: "Sequence[RunRow]", as_json: bool, none: str) -> None:
    from edm_core.cli.run_document import run_document, table

    if as_json:
        print_json({"runs": [run_document(row) for row in rows]})
    elif rows:
        print_table(*table(rows, workspace.settings))
    else:
        say(none or "No runs yet: `edm train` makes one.")


def _print_view(workspace: "Workspace", arrangement: "Arrangement", view: "View | None", as_json: bool) -> None:
    from edm_core.cli.run_document import number, run_document

    sheet = _sheet(workspace, arrangement, view)
    if as_json:
        runs = [run_document(arrangement.frame.row(at)) for at in arrangement.runs]
        groups = [dict(zip(("value", *sheet.titles[1:]), row, strict=True)) for row in sheet.rows]
        print_json({"runs": runs, **({"groups": groups} if arrangement.groups else {})})
        return
    cells = [["" if value is None else number(value) for value in row] for row in sheet.rows]
    if cells:
        print_table(sheet.titles, cells, right=[n for n, title in enumerate(sheet.titles) if ":" in title])
    else:
        say("No run is like that.")


def _sheet(workspace: "Workspace", arrangement: "Arrangement", view: "View | None") -> "Sheet":
    from edm_core.table.sheet import sheet_of
    from edm_core.table.usual import usual_fields

    fields = [shown.field for shown in view.columns] if view is not None else []
    runs = arrangement.frame.columns
    return sheet_of(arrangement, fields or usual_fields(workspace.settings, runs.metrics, runs.params))


def _export(
    workspace: "Workspace", arrangement: "Arrangement", view: "View | None", output: Path | None, kind: str | None,
    force: bool, as_json: bool,
) -> None:  # fmt: skip
    from edm_core.table.export import as_frame, as_text, format_of, write_sheet

    sheet = _sheet(workspace, arrangement, view)
    if output is None:
        if kind == "parquet":
            raise click.UsageError("Parquet is written to a file: give --output FILE")
        click.echo(as_text(as_frame(sheet.titles, sheet.rows), kind or "csv"), nl=False)
        return
    count = write_sheet(output, format_of(output, kind or ""), sheet.titles, sheet.rows, replace=force)
    if as_json:
        print_json({"path": str(output), "rows": count})
    else:
        say(f"written: {output}, {count} rows")
