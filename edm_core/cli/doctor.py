"""`edm doctor`."""

import sys

import click

from edm_core.cli.output import FAILED, clean, json_option, print_json, say


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended.")
@click.option("--deep", is_flag=True, help="Also hash every object that kept runs need (reads all of it).")
@json_option
def doctor(fix: bool, deep: bool, as_json: bool) -> None:
    """Check the workspace: interrupted actions, dead runs, rules, index, cache; with --fix mend what can be mended.

    Leaves with status 1 while an error is left.

    \b
    For example:
      edm doctor
      edm doctor --fix
    """
    from edm_core.actions.doctor import examine
    from edm_core.workspace import find_workspace

    report = examine(find_workspace(), fix=fix, deep=deep, say=say)
    if as_json:
        print_json({"findings": report.findings, "sick": report.sick})
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
                how = "--fix would" if finding.mendable and not fix else "to do:"
                click.echo(clean(f"        {how} {finding.mend}"))
    sys.exit(FAILED if report.sick else 0)
