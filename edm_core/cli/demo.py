"""`edm demo`: a workspace of its own in which every verb can be tried."""

import os
import sys
from pathlib import Path

import click

from edm_core.cli.output import json_option, print_json, say


@click.command(short_help="Make a workspace with data and trained runs, and open it.")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo"))
@json_option
def demo(folder: Path, as_json: bool) -> None:
    """Make a workspace in FOLDER (default: demo/), with a data set, a DVC remote, a git remote and three
    trained runs, of which the best is kept, pushed and registered; then open it.

    What an interrupted call has made is used by the next. Without a terminal the run table is printed.

    \b
    For example:
      edm demo
      edm demo /tmp/try-edm
    """
    root = folder.absolute()
    _forget_other_stores()
    from edm_core import demo as steps

    if not steps.is_finished(root):
        steps.build(root, say)
    os.chdir(root)
    if as_json:
        print_json({"workspace": str(root), "remotes": str(root / ".remotes")})
    elif sys.stdin.isatty() and sys.stdout.isatty():
        os.execv(sys.executable, [sys.executable, "-m", "edm_tui"])
    else:
        os.execv(sys.executable, [sys.executable, "-m", "edm_core.cli.main", "runs", "list"])


def _forget_other_stores() -> None:
    """The demo has stores of its own: what the environment says of others must not lead runs there."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_TRACKING", "MLFLOW_REGISTRY", "MLFLOW_EXPERIMENT", "MLFLOW_RUN", "EDM_", "GIT_")):
            del os.environ[name]
