"""`edm models download`, `verify` and `serve-check`."""

from pathlib import Path

import click

from edm_core.cli.model_output import MODEL_OPTION
from edm_core.cli.output import json_option, print_outcome, say
from edm_core.snapshots.models import ModelVersion
from edm_core.workspace import Workspace, find_workspace


def _resolve(workspace: Workspace, word: str, model: str | None) -> ModelVersion:
    """Production, 3, @champion or NAME/ any of these."""
    from edm_core.actions.model_download import resolve

    name, _, what = word.rpartition("/")
    return resolve(workspace, name or model or workspace.settings.registry.model, what)


@click.command()
@click.argument("version", metavar="[STAGE]", default="Production")
@MODEL_OPTION
@click.option("--output", "-o", type=click.Path(path_type=Path), help="New folder; default: MODEL-vN here.")
@json_option
def download(version: str, model: str | None, output: Path | None, as_json: bool) -> None:
    """Download the model of a stage, version or @alias, with a manifest of hashes and lineage.

    \b
    For example:
      edm models download Production --output deploy/model
    """
    from edm_core.actions.model_download import download as act

    workspace = find_workspace()
    found = _resolve(workspace, version, model)
    folder = output or Path(f"{found.name}-v{found.version}")
    print_outcome(act(workspace, found, folder.absolute()), as_json)


@click.command()
@click.argument("target", metavar="FOLDER|STAGE", default="Production")
@MODEL_OPTION
@json_option
def verify(target: str, model: str | None, as_json: bool) -> None:
    """Check a downloaded folder against its manifest, or the store's copy against what was registered.

    \b
    For example:
      edm models verify deploy/model
      edm models verify Production
    """
    from edm_core.actions.model_download import verify as verify_folder
    from edm_core.actions.model_download import verify_in_store

    if Path(target).is_dir():
        print_outcome(verify_folder(Path(target)), as_json)
        return
    workspace = find_workspace()
    print_outcome(verify_in_store(workspace, _resolve(workspace, target, model), say), as_json)


@click.command("serve-check")
@click.argument("version", metavar="[STAGE]", default="Production")
@MODEL_OPTION
@click.option("--wheels", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Install from this folder of wheels only.")  # fmt: skip
@json_option
def serve_check(version: str, model: str | None, wheels: Path | None, as_json: bool) -> None:
    """Load and predict in a clean environment, built from the version's requirements only.

    \b
    For example:
      edm models serve-check Production
    """
    from edm_core.actions.serve_check import serve_check as act

    workspace = find_workspace()
    found = _resolve(workspace, version, model)
    print_outcome(act(workspace, found, wheels, say), as_json)
