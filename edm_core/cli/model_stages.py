"""`edm models promote`, `demote`, `rollback`, `history` and `alias`."""

import click

from edm_core.cli.model_decision import decision_document, print_decision
from edm_core.cli.model_output import MODEL_OPTION, as_dict, parse_version, print_moves, print_timeline
from edm_core.cli.output import json_option, print_json, print_outcome, say
from edm_core.workspace import Workspace, find_workspace


@click.command()
@click.argument("version", metavar="V")
@click.argument("stage", required=False)
@click.option("--reason", default="", help="Why; overrides failing gates and is recorded.")
@click.option("--dry-run", is_flag=True, help="Show candidate against incumbent and the gates; change nothing.")
@json_option
def promote(version: str, stage: str | None, reason: str, dry_run: bool, as_json: bool) -> None:
    """Move a version to a stage; without STAGE one step up.

    \b
    For example:
      edm models promote 3 Production --reason "better on live sets"
    """
    from edm_core.actions.promote import promote as act

    workspace = find_workspace()
    name, number = parse_version(workspace, version)
    if dry_run:
        _show_decision(workspace, name, number, stage, as_json)
        return
    print_outcome(act(workspace, name, number, stage, reason=reason), as_json)


def _show_decision(workspace: Workspace, name: str, number: int, stage: str | None, as_json: bool) -> None:
    from edm_core.actions.decision import decide
    from edm_core.actions.stages import next_stage, parse_stage, pick
    from edm_core.stores.models import list_versions

    versions = list_versions(workspace, name)
    candidate = pick(versions, name, number)
    decision = decide(workspace, candidate, parse_stage(stage) if stage else next_stage(candidate.stage), versions)
    if as_json:
        print_json(decision_document(decision))
    else:
        print_decision(decision)


@click.command()
@click.argument("version", metavar="V")
@click.option("--reason", default="", help="Why; it is recorded.")
@json_option
def demote(version: str, reason: str, as_json: bool) -> None:
    """Move a version one stage down: Production, Staging, None.

    \b
    For example:
      edm models demote 3
    """
    from edm_core.actions.promote import demote as act

    workspace = find_workspace()
    name, number = parse_version(workspace, version)
    print_outcome(act(workspace, name, number, reason=reason), as_json)


@click.command()
@click.argument("stage", default="Production")
@MODEL_OPTION
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--dry-run", is_flag=True, help="Say what it would go back to; change nothing.")
@json_option
def rollback(stage: str, model: str | None, reason: str, dry_run: bool, as_json: bool) -> None:
    """Go back to the version that stood in STAGE (default Production) before.

    \b
    For example:
      edm models rollback --reason "misses drops in live sets"
    """
    from edm_core.actions.rollback import rollback as act
    from edm_core.actions.rollback import rollback_target

    workspace = find_workspace()
    name = model or workspace.settings.registry.model
    if not dry_run:
        print_outcome(act(workspace, name, stage, reason=reason), as_json)
        return
    from edm_core.actions.decision import decide
    from edm_core.actions.stages import parse_stage
    from edm_core.stores.models import list_versions

    now, before = rollback_target(workspace, name, stage)
    decision = decide(workspace, before, parse_stage(stage), list_versions(workspace, name), gates=False)
    if as_json:
        ends = {"from": as_dict(now) if now else None, "to": as_dict(before)}
        print_json({**decision_document(decision), **ends})
    else:
        where = decision.stage
        click.echo(f"{name}: {where} would go from {f'v{now.version}' if now else 'nobody'} back to v{before.version}")
        print_decision(decision)


@click.command()
@click.argument("name", required=False)
@json_option
def history(name: str | None, as_json: bool) -> None:
    """Show who moved which version where, when and why, newest first, and the timeline of Production.

    \b
    For example:
      edm models history
    """
    from edm_core.actions.model_history import history as moves_of
    from edm_core.actions.model_history import tenures
    from edm_core.actions.stages import holder
    from edm_core.stores.models import list_versions

    workspace = find_workspace()
    versions = list_versions(workspace, name or workspace.settings.registry.model)
    moves, held = moves_of(versions), holder(versions, "Production")
    stood = tenures(moves, "Production", held.version if held else None)
    if as_json:
        print_json({"history": moves} | ({"production": stood} if stood else {}))
        return
    print_timeline("Production", stood)
    if moves:
        print_moves(moves)
    else:
        say("no version has been moved yet")


@click.group()
def alias() -> None:
    """Set and delete aliases such as champion.

    \b
    For example:
      edm models alias set champion 3
    """


@alias.command("set")
@click.argument("name")
@click.argument("version", metavar="V")
@json_option
def alias_set(name: str, version: str, as_json: bool) -> None:
    """Let an alias name a version.

    \b
    For example:
      edm models alias set champion 3
    """
    from edm_core.actions.aliases import set_alias

    workspace = find_workspace()
    model, number = parse_version(workspace, version)
    print_outcome(set_alias(workspace, model, name, number), as_json)


@alias.command("delete")
@click.argument("name")
@MODEL_OPTION
@json_option
def alias_delete(name: str, model: str | None, as_json: bool) -> None:
    """Delete an alias.

    \b
    For example:
      edm models alias delete champion
    """
    from edm_core.actions.aliases import delete_alias

    workspace = find_workspace()
    print_outcome(delete_alias(workspace, model or workspace.settings.registry.model, name), as_json)
