"""`edm models`: list, show and register; the other commands are in model_stages.py."""

import time
from pathlib import Path

import click

from edm_core.cli.model_files import download, serve_check, verify
from edm_core.cli.model_output import MODEL_OPTION, as_dict, parse_version, print_moves, shown
from edm_core.cli.model_stages import alias, demote, history, promote, rollback
from edm_core.cli.output import json_option, print_json, print_outcome, print_table, say
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import DataState
from edm_core.timeline import age
from edm_core.workspace import Workspace, find_workspace


@click.group()
@click.pass_context
def models(context: click.Context) -> None:
    """List, register, promote and roll back model versions.

    V is a version of [registry] model in edm.toml, or NAME/V. A move that was interrupted is finished first.

    \b
    For example:
      edm models register mert95m_baseline
      edm models promote 3 Production
    """
    context.obj = _mended()


def _mended() -> tuple[str, ...]:
    """Finish the moves whose process died between stage and alias, and say so."""
    from edm_core.errors import EdmError, WorkspaceError
    from edm_core.journal import Journal

    try:
        workspace = find_workspace()
    except WorkspaceError:
        # `verify FOLDER` needs none; the others say it themselves.
        return ()
    if not any(entry.verb == "promote" for entry in Journal(workspace).unfinished()):
        return ()
    from edm_core.actions.promote import mend_interrupted

    try:
        mended = mend_interrupted(workspace)
    except EdmError as error:
        say(f"warning: an interrupted move could not be finished yet: {error.message}")
        return ()
    for told in mended:
        say(told)
    return mended


@models.command("list")
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Only so many of the newest.")
@json_option
@click.pass_obj
def list_(mended: tuple[str, ...] | None, name: str | None, limit: int | None, as_json: bool) -> None:
    """List versions, newest first; all models without NAME.

    \b
    For example:
      edm models list EDMModel
    """
    from edm_core.stores.models import list_versions
    from edm_core.stores.version_states import version_states

    workspace = find_workspace()
    versions = list_versions(workspace, name, limit)
    states = version_states(workspace, versions)
    if as_json:
        listed = [as_dict(v) | {"data_state": state} for v, state in zip(versions, states, strict=True)]
        print_json({"models": listed, **({"mended": mended} if mended else {})})
        return
    if not versions:
        say("no model versions yet: `edm models register RUN` makes one")
        return
    now, metric = time.time(), workspace.settings.metrics.primary
    rows = [
        [
            v.name,
            str(v.version),
            v.stage,
            " ".join(v.aliases),
            v.tags.get("edm.run_name", v.run_id),
            "" if state is DataState.NONE else state.word,
            shown(v.metrics.get(metric)),
            age(now - v.created_ms / 1000),
            v.tags.get("edm.registered_by", ""),
        ]
        for v, state in zip(versions, states, strict=True)
    ]
    headers = ["model", "version", "stage", "aliases", "run", "data", metric, "age", "who"]
    print_table(headers, rows, right=(1, 6, 7))


@models.command()
@click.argument("version", metavar="V")
@json_option
def show(version: str, as_json: bool) -> None:
    """Show one version: lineage, metrics and history.

    \b
    For example:
      edm models show 3
    """
    from edm_core.actions.decision import metrics_of
    from edm_core.actions.model_history import history
    from edm_core.actions.stages import pick
    from edm_core.stores.models import list_versions

    workspace = find_workspace()
    name, number = parse_version(workspace, version)
    found = pick(list_versions(workspace, name), name, number)
    metrics, moves = metrics_of(workspace, found), history([found])
    if as_json:
        print_json({**as_dict(found), "metrics": metrics, "history": moves})
        return
    click.echo(f"{found.name} {found.label}   run {found.tags.get('edm.run_name', found.run_id)}")
    print_table(["metric", "value"], [[key, f"{value:.6g}"] for key, value in sorted(metrics.items())], right=(1,))
    hidden = ("edm.history.", "edm.metrics", "edm.tracks")
    print_table(
        ["tag", "value"], [[key, value] for key, value in as_dict(found)["tags"].items() if not key.startswith(hidden)]
    )
    print_moves(moves)


@models.command()
@click.argument("run")
@MODEL_OPTION
@click.option("--checkpoint", default="checkpoints/best.pt", show_default=True, help="File inside the run folder.")
@click.option("--format", "format_", type=click.Choice(["pickle", "pt2"]), default="pickle", show_default=True,
              help="pickle: a module for any use; loading runs code. pt2: a graph, no code, inference.")  # fmt: skip
@json_option
def register(run: str, model: str | None, checkpoint: str, format_: str, as_json: bool) -> None:
    """Make a model version from a run's best checkpoint, or from a checkpoint file.

    \b
    For example:
      edm models register mert95m_baseline
      edm models register downloads/best.pt --model Demo
    """
    from edm_core.actions.register import register as act
    from edm_core.actions.register_file import register_file
    from edm_core.stores.runs import find_run

    workspace = find_workspace()
    file = Path(run)
    if file.is_file():
        outcome = register_file(workspace, file.resolve(), model_name=model, format=format_)
    else:
        row = find_run(workspace, run)
        outcome = act(workspace, row, model_name=model, checkpoint=checkpoint, format=format_)
    print_outcome(outcome, as_json)


@models.command()
@click.argument("versions", metavar="V V...", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Show what is the same, too.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for an issue or a report.")
@json_option
def diff(versions: tuple[str, ...], everything: bool, as_markdown: bool, as_json: bool) -> None:
    """Compare versions with the first one: what was recorded with them, then the runs that they were made from.

    One version alone is compared with the one in Production.

    \b
    For example:
      edm models diff 3 4
    """
    from edm_core.actions.model_facts import package_of
    from edm_core.cli.run_diff import print_found
    from edm_core.diff.versions import diff_versions

    if as_json and as_markdown:
        raise click.UsageError("give one of --json and --markdown")
    workspace = find_workspace()
    compared = _compared(workspace, versions)
    packages = [package_of(workspace, version) for version in compared]
    print_found(diff_versions(workspace, compared, packages=packages), everything, as_json, as_markdown)


def _compared(workspace: Workspace, texts: tuple[str, ...]) -> list[ModelVersion]:
    from edm_core.actions.stages import holder, pick
    from edm_core.errors import ActionError
    from edm_core.stores.models import list_versions

    found: dict[tuple[str, int], ModelVersion] = {}
    for text in texts:
        name, number = parse_version(workspace, text)
        version = pick(list_versions(workspace, name), name, number)
        found[name, number] = version
    compared = list(found.values())
    if len(compared) > 1:
        return compared
    only = compared[0]
    held = holder(list_versions(workspace, only.name), "Production")
    if held is None or held.version == only.version:
        raise ActionError(f"there is no other version in Production to compare v{only.version} with", "Give two.")
    say(f"baseline: v{held.version}, in Production")
    return [held, only]


@models.command()
@click.argument("version", metavar="V")
@click.option("--annotations", default="", help="Another folder of annotations: every track in it is scored.")
@json_option
def evaluate(version: str, annotations: str, as_json: bool) -> None:
    """Score a version track by track now, for the gate `evaluated`; the scores are noted on the version.

    \b
    For example:
      edm models evaluate 3
    """
    from edm_core.actions.evaluate_version import evaluate_version
    from edm_core.actions.stages import pick
    from edm_core.stores.models import list_versions

    workspace = find_workspace()
    name, number = parse_version(workspace, version)
    print_outcome(evaluate_version(workspace, pick(list_versions(workspace, name), name, number), annotations), as_json)


for command in (promote, demote, rollback, history, alias, download, verify, serve_check):
    models.add_command(command)
