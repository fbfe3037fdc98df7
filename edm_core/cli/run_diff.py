"""`edm runs diff`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import clean, json_option, print_json, print_table, say
from edm_core.errors import NotFoundError
from edm_core.workspace import find_workspace

if TYPE_CHECKING:
    from edm_core.snapshots.diff import RunDiff
    from edm_core.snapshots.runs import RunRow
    from edm_core.workspace import Workspace


@click.command()
@click.argument("names", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Show what is the same, too.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for an issue or a report.")
@click.option("--patch", "as_patch", is_flag=True, help="Print the source patch of each run against the first.")
@json_option
def diff(names: Sequence[str], everything: bool, as_markdown: bool, as_patch: bool, as_json: bool) -> None:
    """Compare runs with the first one: params, metrics, metadata, config, code, data, environment, tracks.

    One run alone is compared with the one in Production, else with the best.

    \b
    For example:
      edm runs diff mert95m_baseline aug_heavy_dropout0.3
      edm runs diff mert95m_baseline aug_heavy_dropout0.3 --markdown > diff.md
    """
    from edm_core.diff import diff_runs

    if sum((as_json, as_markdown, as_patch)) > 1:
        raise click.UsageError("give one of --json, --markdown and --patch")
    workspace = find_workspace()
    rows = _compared(workspace, names)
    if as_patch:
        _print_patches(workspace, rows)
        return
    print_found(diff_runs(workspace, rows), everything, as_json, as_markdown)


def print_found(found: "RunDiff", everything: bool, as_json: bool, as_markdown: bool) -> None:
    """The comparison in the form that was asked for."""
    from edm_core.diff.document import document, markdown

    if as_json:
        print_json(document(found, everything))
    elif as_markdown:
        click.echo(markdown(found, everything), nl=False)
    else:
        _print_diff(found, everything)


def _compared(workspace: "Workspace", names: Sequence[str]) -> list["RunRow"]:
    from edm_core.diff.baseline import baseline_of
    from edm_core.stores.runs import find_run

    rows = list({row.row_id: row for row in (find_run(workspace, name) for name in names)}.values())
    if len(rows) > 1:
        return rows
    if len(names) > 1:
        raise click.UsageError("give two different runs or more")
    found = baseline_of(workspace, rows[0])
    if found is None:
        raise NotFoundError(f"there is no run to compare {rows[0].name} with", "Give two runs.")
    say(f"baseline: {found[0].name}, {found[1]}")
    return [found[0], *rows]


def _print_diff(found: "RunDiff", everything: bool) -> None:
    from edm_core.diff.document import value_text

    for section, entries in found.sections.items():
        shown = [entry for entry in entries if everything or not entry.same]
        note = f" ({found.notes[section]})" if section in found.notes else ""
        state = f"{len(shown)} of {len(entries)} shown" if shown else "same" if entries else "nothing"
        click.echo(clean(f"{section}: {state}{note}"))
        lines = [[f"  {entry.key}", *(value_text(entry, i) for i in range(len(found.names)))] for entry in shown]
        if lines:
            print_table(["", *found.names], lines)


def _print_patches(workspace: "Workspace", rows: Sequence["RunRow"]) -> None:
    """What git says of the source between the commits, then each run's uncommitted changes: a patch is for `git apply`,
    so it is printed as it is where it goes into a file or a pipe."""
    import sys

    from edm_core.diff.code import patches

    for title, text in patches(workspace, rows):
        say(title)
        click.echo(clean(text) if sys.stdout.isatty() else text, nl=False)
