"""`edm storage`: what the disk holds, whether this machine may be lost, and the trash."""

from typing import TYPE_CHECKING

import click

from edm_core.cli.output import age, human, json_option, plain, print_json, print_outcome, print_table, say
from edm_core.cli.storage_status import status

if TYPE_CHECKING:
    from edm_core.actions.gc import GcPlan
    from edm_core.actions.trash_storage import PurgePlan


@click.group()
def storage() -> None:
    """What the disk holds; the trash.

    \b
    For example:
      edm storage status
      edm storage trash purge --older-than 30
    """


storage.add_command(status)


@storage.command()
@click.option(
    "--workspace-only", is_flag=True, help="Keep only what pointers on disk name, not every commit's versions."
)
@click.option("--forget", metavar="RUN", multiple=True, help="Let go what of this run is on no remote.")
@click.option("--plan", "shown", metavar="ID", help="Only what the dry run of this id said (--json has it).")
@click.option("--yes", is_flag=True, help="Really delete; without it, only tell what would go.")
@json_option
def gc(workspace_only: bool, forget: tuple[str, ...], shown: str | None, yes: bool, as_json: bool) -> None:
    """Free DVC's cache of what no commit names. Tells first what goes and whose it was; --yes does it.

    \b
    For example:
      edm storage gc
      edm storage gc --yes
    """
    from edm_core.actions.gc import check_same, collect, plan_gc
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    plan = plan_gc(workspace, all_commits=not workspace_only, say=say)
    if shown is not None:
        check_same(plan, shown)
    if yes and plan.doomed:
        print_outcome(collect(workspace, plan, forget, say=say), as_json)
    elif as_json:
        print_json({"would_remove": plain(plan.doomed), "bytes": plan.bytes, "only_here": list(plan.lost),
                    "plan": plan.id})  # fmt: skip
    else:
        _show_gc(plan)


def _show_gc(plan: "GcPlan") -> None:
    runs: dict[tuple[str, bool], list[int]] = {}
    for item in plan.doomed:
        runs.setdefault((item.run, item.pushed), []).append(item.bytes)
    rows = [
        [run, str(len(sizes)), human(sum(sizes)), "on the remote" if pushed else "ONLY HERE"]
        for (run, pushed), sizes in sorted(runs.items())
    ]
    print_table(["run", "objects", "size", "where else"], rows, right=(1, 2))
    say(f"would free {human(plan.bytes)}; --yes deletes it" if rows else "nothing to free: a commit names all of it")


@storage.group()
def trash() -> None:
    """What was discarded, until it is purged.

    \b
    For example:
      edm storage trash list
    """


@trash.command("list")
@json_option
def trash_list(as_json: bool) -> None:
    """List the trash, newest first.

    \b
    For example:
      edm storage trash list --json
    """
    from edm_core.actions.trash import slots
    from edm_core.workspace import find_workspace

    found = slots(find_workspace())
    if as_json:
        print_json({"trash": [{"id": slot.id, **plain(slot)} for slot in found]})
        return
    rows = [
        [slot.id, slot.run_name, "discarded" if slot.kind == "folder" else "left out", age(slot.discarded_at),
         human(slot.bytes), str(slot.files)]
        for slot in found
    ]  # fmt: skip
    print_table(["id", "run", "what", "age", "size", "files"], rows, right=(3, 4, 5))


@trash.command("restore")
@click.argument("entry", metavar="ID|RUN")
@json_option
def trash_restore(entry: str, as_json: bool) -> None:
    """Take an entry out of the trash again; folder and MLflow run are as they were.

    \b
    For example:
      edm storage trash restore lr_too_high
    """
    from edm_core.actions.trash_storage import restore
    from edm_core.workspace import find_workspace

    print_outcome(restore(find_workspace(), entry, say=say), as_json)


@trash.command("purge")
@click.argument("entries", metavar="[ID|RUN...]", nargs=-1)
@click.option("--older-than", metavar="DAYS", type=click.FloatRange(min=0), default=0.0, help="Only what is older.")
@click.option("--down-to", metavar="BYTES", type=click.IntRange(min=0), help="The oldest, until so much is left.")
@click.option("--yes", is_flag=True, help="Really delete; without it, only tell what would go.")
@json_option
def trash_purge(entries: tuple[str, ...], older_than: float, down_to: int | None, yes: bool, as_json: bool) -> None:
    """Delete from the trash for good, what MLflow holds of the discarded runs included. Tells first; --yes does it.

    \b
    For example:
      edm storage trash purge --older-than 30
      edm storage trash purge --older-than 30 --yes
    """
    from edm_core.actions.trash_storage import check_some, plan_purge, purge
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    plan = plan_purge(workspace, older_than, down_to, entries)
    if yes:
        check_some(plan)
        print_outcome(purge(workspace, plan, say=say), as_json)
        return
    _show(plan, as_json)


def _show(plan: "PurgePlan", as_json: bool) -> None:
    if as_json:
        would = [{"id": slot.id, "run": slot.run_name, "bytes": slot.bytes} for slot in plan.slots]
        print_json({"would_purge": would, "mlflow": plain(plan.remains), "bytes": plan.bytes})
        return
    print_table(
        ["id", "run", "age", "size"],
        [[slot.id, slot.run_name, age(slot.discarded_at), human(slot.bytes)] for slot in plan.slots],
        right=(2, 3),
    )
    extra = sum(item.bytes for item in plan.remains)
    say(f"would free {human(plan.bytes)}, {human(extra)} of it MLflow's artifacts; --yes deletes it for good")
