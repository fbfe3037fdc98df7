"""`edm runs reproduce` and `edm runs lineage`."""

from pathlib import Path

import click

from edm_core.cli.output import json_option, plain, print_json, print_outcome, print_table, say


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--into", metavar="DIR", type=click.Path(path_type=Path), help="Where the worktree goes.")
@click.option("--no-start", is_flag=True, help="Only make the worktree and bring the data.")
@json_option
def reproduce(run: str, into: Path | None, no_start: bool, as_json: bool) -> None:
    """Make a git worktree at a run's commit, with its data, and start the same training in it as a job.

    \b
    For example:
      edm runs reproduce mert95m_baseline
      edm runs reproduce mert95m_baseline --no-start --into /tmp/again
    """
    from edm_core.actions.reproduce import reproduce as reproduce_run
    from edm_core.stores.runs import find_run
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    row = find_run(workspace, run)
    print_outcome(reproduce_run(workspace, row, into=into, start=not no_start, say=say), as_json)


@click.command()
@click.argument("what", metavar="REF")
@json_option
def lineage(what: str, as_json: bool) -> None:
    """Follow a model version, run, commit, data version or checkpoint to all the others.

    REF is a version (3, EDMModel/3), a run, the beginning of a commit, of a data version or of a checkpoint's md5, or
    a checkpoint file.

    \b
    For example:
      edm runs lineage EDMModel/3
      edm runs lineage checkpoints/best.pt --json
    """
    from edm_core.actions.lineage import lineage_of
    from edm_core.workspace import find_workspace

    links = lineage_of(find_workspace(), what)
    if as_json:
        print_json({"lineage": [plain(link) for link in links]})
        return
    rows = [
        [
            f"{link.version} {link.stage}".strip() or "-", link.run, link.commit[:9] + ("+" if link.dirty else ""),
            link.data_version[:8] or "-", link.checkpoint[:8] or "-", link.kept[:8] or "-",
        ]
        for link in links
    ]  # fmt: skip
    print_table(["version", "run", "commit", "data", "checkpoint", "kept as"], rows)
