"""`edm doctor`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from edm_core.cli.output import FAILED, clean, json_option, plain, print_json, say

if TYPE_CHECKING:
    from edm_core.actions.doctor import Report


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended.")
@click.option("--deep", is_flag=True, help="Also hash every object that kept runs need (reads all of it).")
@click.option("--only", metavar="ID", multiple=True, help="Only the finding of this id (--json has them).")
@json_option
def doctor(fix: bool, deep: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Check the workspace: interrupted actions, dead runs, rules, index, cache; with --fix mend what can be mended.

    Leaves with status 1 while an error is left.

    \b
    For example:
      edm doctor
      edm doctor --fix
    """
    from edm_core.actions.doctor import examine
    from edm_core.workspace import find_workspace

    report = examine(find_workspace(), fix=fix, deep=deep, only=only, say=say)
    if as_json:
        print_json(_document(report, fix))
    elif not report.findings:
        click.echo("all is well")
    else:
        for finding in report.findings:
            click.echo(clean(f"{finding.severity:8}{finding.check}: {finding.message}"))
            if finding.evidence:
                click.echo(clean(f"        {finding.evidence}"))
            if finding.mended:
                click.echo(clean(f"        mended: {finding.mended}"))
            elif finding.mend:
                named = f"--fix --only {finding.id} would"
                plain_fix = "--fix would" if finding.mendable and not fix else "to do:"
                how = named if finding.mendable and finding.by_choice else plain_fix
                click.echo(clean(f"        {how} {finding.mend}"))
    sys.exit(FAILED if report.sick else 0)


def _document(report: "Report", fix: bool) -> dict[str, Any]:
    mended = [finding for finding in report.findings if finding.mended]
    count = len(report.findings)
    left = [finding for finding in report.findings if not finding.mended]
    title = f"mended {len(mended)} of {count}" if fix else f"{count} finding{'' if count == 1 else 's'}"
    return {
        "title": title,
        "detail": "\n".join([finding.mended for finding in mended] + [f"left: {found.evidence}" for found in left]),
        "level": "warning" if fix and left else "done",
        "findings": [{"id": finding.id, **plain(finding)} for finding in report.findings],
        "sick": report.sick,
    }
