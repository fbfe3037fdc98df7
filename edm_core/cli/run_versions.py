"""`edm runs versions`."""

import time

import click

from edm_core.cli.output import json_option, print_json, print_outcome, print_table, say


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--restore", "which", metavar="VERSION", help="Put this version (hash or commit) back, as a new commit.")
@json_option
def versions(run: str, which: str | None, as_json: bool) -> None:
    """List the kept versions of a run, newest first, of all branches; or put one back into its folder.

    \b
    For example:
      edm runs versions cnn_lr1e-3
      edm runs versions cnn_lr1e-3 --restore 45b1eb2f
    """
    from edm_core.actions.versions import as_document, restore_version, run_in_history, versions_of
    from edm_core.errors import NotFoundError
    from edm_core.stores.runs import find_run
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    try:
        row = find_run(workspace, run)
    except NotFoundError:
        gone = run_in_history(workspace, run)
        if gone is None:
            raise
        row = gone
    if which is not None:
        print_outcome(restore_version(workspace, row, which, say=say), as_json)
        return
    found = versions_of(workspace, row)
    if as_json:
        print_json({"run": row.name, "versions": [as_document(version) for version in found]})
        return
    if not found:
        say(f"{row.name} is not kept: edm keep {row.name}")
    rows = [
        [
            "*" if version.current else "",
            version.hash[:8],
            version.commit[:9],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(version.at)),
            version.author,
            ", ".join(["here"] * version.cached + list(version.remotes)) or "not here",
            version.subject + (f"  (on {version.branch})" if version.branch else ""),
        ]
        for version in found
    ]
    print_table(["", "version", "commit", "when", "who", "data", "message"], rows)
