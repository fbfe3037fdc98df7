"""`edm remote`: DVC's remotes."""

import click

from edm_core.cli.output import json_option, print_json, print_outcome, print_table, say


@click.group()
def remote() -> None:
    """Where pushed data go: add a DVC remote, check that it works.

    \b
    For example:
      edm remote add nas /mnt/nas/dvc
      edm remote check
    """


@remote.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List DVC's remotes; the default is marked.

    \b
    For example:
      edm remote list
    """
    from edm_core.actions.remote import remotes
    from edm_core.dvcrepo import DvcRepo
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    default = DvcRepo(workspace).default_remote()
    found = [
        {"name": name, "address": address, "default": bool(default and default[0] == name)}
        for name, address in remotes(workspace).items()
    ]
    if as_json:
        print_json({"remotes": found})
        return
    rows = [["*" if item["default"] else "", str(item["name"]), str(item["address"])] for item in found]
    print_table(["", "name", "address"], rows)


@remote.command()
@click.argument("name")
@click.argument("address")
@click.option("-d", "--default", is_flag=True, help="Make it the default, even when there is one.")
@json_option
def add(name: str, address: str, default: bool, as_json: bool) -> None:
    """Add a DVC remote: a folder, s3://, gs://, ssh://, as DVC configures them. The first becomes the default.

    \b
    For example:
      edm remote add nas /mnt/nas/dvc
      edm remote add lab ssh://you@lab/srv/dvc --default
    """
    from edm_core.actions.remote import add_remote
    from edm_core.workspace import find_workspace

    print_outcome(add_remote(find_workspace(), name, address, default=default, say=say), as_json)


@remote.command()
@click.argument("name", required=False, default="")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=12.0, show_default=True, help="Seconds to wait for its answers."
)
@json_option
def check(name: str, timeout: float, as_json: bool) -> None:
    """Write a small object to the remote, read it back and delete it; says what is wrong where that fails.

    \b
    For example:
      edm remote check
      edm remote check nas
    """
    from edm_core.actions.remote import check_remote
    from edm_core.workspace import find_workspace

    print_outcome(check_remote(find_workspace(), name, limit=timeout, say=say), as_json)
