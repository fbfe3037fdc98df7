"""`edm storage`: what the disk holds, whether this machine may be lost, and the trash."""

import time
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import clean, human, json_option, plain, print_json, print_outcome, print_table, say

if TYPE_CHECKING:
    from edm_core.actions.gc import GcPlan
    from edm_core.actions.storage import StorageStatus
    from edm_core.actions.trash_storage import PurgePlan


@click.group()
def storage() -> None:
    """What the disk holds; the trash.

    \b
    For example:
      edm storage status
      edm storage trash purge --older-than 30
    """


@storage.command()
@json_option
def status(as_json: bool) -> None:
    """Sizes of run folders, cache, trash and artifacts; and: is it safe to lose this machine?

    \b
    For example:
      edm storage status
    """
    from edm_core.actions.storage import storage_status
    from edm_core.workspace import find_workspace

    found = storage_status(find_workspace())
    if as_json:
        print_json({**plain(found), "bytes_only_here": found.bytes_only_here})
        return
    for line in _lines(found):
        click.echo(clean(line))


def _lines(found: "StorageStatus") -> list[str]:
    if found.safe:
        lines = ["Safe to lose this machine?   YES: all that is kept was seen on the remote, every commit is pushed"]
    else:
        lines = [
            f"Safe to lose this machine?   NO: {len(found.only_here)} kept ({human(found.bytes_only_here)}) and "
            f"{found.commits} commit{'s' if found.commits != 1 else ''} are only here      edm push --all"
        ]
    lines += [f"  {item.run}  {human(item.bytes)}  {item.reason}" for item in found.only_here]
    lines += [f"  {name}.dvc is not committed as it is: edm keep {name}" for name in found.uncommitted]
    if not found.remote:
        lines.append("  DVC has no default remote: dvc remote add -d NAME ADDRESS")
    if not found.git_remote:
        lines.append("  git has no remote: git remote add origin ADDRESS")
    if found.not_kept:
        lines.append(f"  {len(found.not_kept)} run folders are not kept, so they are only here too")
    oldest = f", oldest {age(found.trash_oldest)}" if found.trash_oldest else ""
    sizes = (
        f"run folders {human(found.run_folders)} · cache {human(found.cache)} ({human(found.cache_shared)} shared) · "
        f"trash {human(found.trash)} ({found.trash_entries} entries{oldest}) · "
        f"MLflow artifacts {human(found.artifacts)} · disk {human(found.disk_free)} free"
    )
    return [*lines, sizes]


def age(at: float) -> str:
    seconds = max(0.0, time.time() - at)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


@storage.command()
@click.option(
    "--workspace-only", is_flag=True, help="Keep only what pointers on disk name, not every commit's versions."
)
@click.option("--forget", metavar="RUN", multiple=True, help="Let go what of this run is on no remote.")
@click.option("--yes", is_flag=True, help="Really delete; without it, only tell what would go.")
@json_option
def gc(workspace_only: bool, forget: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Free DVC's cache of what no commit names. Tells first what goes and whose it was; --yes does it.

    \b
    For example:
      edm storage gc
      edm storage gc --yes
    """
    from edm_core.actions.gc import collect, plan_gc
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    plan = plan_gc(workspace, all_commits=not workspace_only, say=say)
    if yes and plan.doomed:
        print_outcome(collect(workspace, plan, forget, say=say), as_json)
    elif as_json:
        print_json({"would_remove": plain(plan.doomed), "bytes": plan.bytes, "only_here": list(plan.lost)})
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
