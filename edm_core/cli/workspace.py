"""`edm init`."""

import os
import shlex
from pathlib import Path

import click

from edm_core.cli.output import json_option, print_json, say


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--commit", is_flag=True, help="Commit exactly the files that make the workspace.")
@json_option
def init(folder: Path, commit: bool, as_json: bool) -> None:
    """Make a workspace in a git repository: edm.toml, rules in .gitignore, DVC.

    Nothing is staged or committed unless you ask for it. Run twice, it changes nothing.

    \b
    For example:
      edm init
      edm init ~/projects/my-model --commit
    """
    from edm_core.cli.output import clean
    from edm_core.init import init_workspace

    report = init_workspace(folder, os.environ, commit=commit, say=say)
    for warning in report.warnings:
        say(f"warning: {warning}")
    if as_json:
        print_json(report)
        return
    made = ", ".join(report.changed)
    click.echo(clean(f"workspace {report.root}: {'wrote ' + made if made else 'nothing to change'}"))
    if report.commit:
        click.echo(f"committed {report.commit[:9]}")
    elif report.to_commit:
        names = shlex.join(report.to_commit)
        click.echo("To commit them:")
        click.echo(clean(f"  git add {names} && git commit -m 'Make this repository an edm workspace' -- {names}"))
