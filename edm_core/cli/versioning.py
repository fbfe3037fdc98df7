"""`edm keep`, `discard`, `undo`, `push` and `pull`."""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from edm_core.cli.output import FAILED, clean, json_option, print_json, print_outcome, say
from edm_core.cli.transfer_line import outliving

if TYPE_CHECKING:
    from edm_core.snapshots.outcome import Outcome
    from edm_core.snapshots.runs import RunRow
    from edm_core.workspace import Workspace


def each_run(
    refs: tuple[str, ...], act: "Callable[[Workspace, RunRow], Outcome]", as_json: bool
) -> "tuple[list[RunRow], int]":
    """Do it for each run, a transaction of its own: a failure of one is told, and the rest are done.

    Prints the outcomes (one document with --json) and returns the rows that were done and the exit status.
    """
    from edm_core.errors import EdmError
    from edm_core.stores.runs import find_run
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    done: list[RunRow] = []
    outcomes: list[Outcome] = []
    errors: list[tuple[str, EdmError]] = []
    for ref in dict.fromkeys(refs):
        try:
            row = find_run(workspace, ref)
            outcomes.append(act(workspace, row))
            done.append(row)
            if not as_json:
                print_outcome(outcomes[-1], False)
        except EdmError as error:
            if len(refs) == 1:
                raise
            errors.append((ref, error))
            say(f"error: {ref}: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
    if as_json:
        _print_all(outcomes, errors)
    return done, FAILED if errors else 0


def _print_all(outcomes: "list[Outcome]", errors: list[tuple[str, Any]]) -> None:
    """One outcome prints as itself; several as {"title", "runs": [...], "errors": [...]}."""
    if len(outcomes) == 1 and not errors:
        print_outcome(outcomes[0], True)
        return
    runs = [{"title": o.title, "detail": o.detail, "level": o.level, **o.data} for o in outcomes]
    failed = [{"run": ref, "message": error.message, "hint": error.hint} for ref, error in errors]
    title = f"{len(runs)} of {len(runs) + len(failed)} runs done"
    stale = sorted({store for outcome in outcomes for store in outcome.stale})
    level = "warning" if failed else "done"
    print_json({"title": title, "detail": "", "level": level, "stale": stale, "runs": runs, "errors": failed})


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("-m", "--message", default="", help="Commit message; the default comes from [keep] message.")
@click.option("--push", "then_push", is_flag=True, help="Push what was kept.")
@click.option("--partial", is_flag=True, help="Keep a run that did not finish, or has no best.pt.")
@json_option
def keep(runs: tuple[str, ...], message: str, then_push: bool, partial: bool, as_json: bool) -> None:
    """Keep runs: dvc add of the folder, git commit of exactly RUN.dvc and its .gitignore, MLflow tags.

    Whatever else is staged stays staged. Keeping a run again after it changed makes a new version.

    \b
    For example:
      edm keep mert95m_baseline
      edm keep cnn_lr1e-3 cnn_lr3e-3 -m "Two learning rates" --push
    """
    from edm_core.actions.helper import tags_helper
    from edm_core.actions.keep import keep as keep_run
    from edm_core.workspace import find_workspace

    def act(workspace: "Workspace", row: "RunRow") -> "Outcome":
        outcome = keep_run(workspace, row, message=message, partial=partial, say=say, set_tags=set_tags)
        if not then_push:
            return outcome
        from edm_core.actions.push import push as push_runs

        return joined(outcome, push_runs(workspace, [row.run_dir], say=line.say, watch=line.watch))

    with outliving() as line, tags_helper(find_workspace()) as set_tags:
        status = each_run(runs, act, as_json)[1]
    sys.exit(status)


def joined(first: "Outcome", second: "Outcome") -> "Outcome":
    """Two outcomes of one command as one."""
    from edm_core.snapshots.outcome import Outcome

    detail = "\n".join(filter(None, (first.detail, second.title, second.detail)))
    level = first.level if first.level == "warning" else second.level
    stale = tuple(dict.fromkeys((*first.stale, *second.stale)))
    return Outcome(first.title, detail, level, stale, {**second.data, **first.data})


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also when it is kept or registered; needs --yes-really RUN too.")
@click.option("--yes-really", "named", metavar="RUN", multiple=True, help="Name the kept or registered run again.")
@json_option
def discard(runs: tuple[str, ...], force: bool, named: tuple[str, ...], as_json: bool) -> None:
    """Move runs to the trash: the folder by a rename, the MLflow run by a soft deletion; `edm undo` restores both.

    \b
    For example:
      edm discard lr_too_high
      edm discard old_baseline --force --yes-really old_baseline
    """
    from edm_core.actions.discard import discard as discard_run

    def act(workspace: "Workspace", row: "RunRow") -> "Outcome":
        return discard_run(workspace, row, asked_twice=force and row.name in named, say=say)

    sys.exit(each_run(runs, act, as_json)[1])


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would be undone.")
@json_option
def undo(dry_run: bool, as_json: bool) -> None:
    """Undo the last action: keep, discard, register, promote, an edit. A push is not undone.

    \b
    For example:
      edm undo
      edm undo --dry-run
    """
    from edm_core.actions.undo import next_undo
    from edm_core.actions.undo import undo as undo_last
    from edm_core.workspace import find_workspace

    if dry_run:
        entry = next_undo(find_workspace())
        would = f"{entry.verb} {entry.target}" if entry else ""
        if as_json:
            print_json({"would_undo": would, "at": entry.started if entry else None})
        else:
            click.echo(clean(f"would undo {would}" if would else "there is nothing to undo"))
        return
    print_outcome(undo_last(find_workspace(), say=say), as_json)


@click.command()
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every kept run and the data set (the default without RUN).")
@click.option("--branches", is_flag=True, help="Also the other branches with commits that are only here.")
@click.option("--stop", is_flag=True, help="Stop the push that goes on; what has arrived stays.")
@json_option
def push(runs: tuple[str, ...], everything: bool, branches: bool, stop: bool, as_json: bool) -> None:
    """Push kept runs: DVC objects first, verified on the remote, then git, so that no pointer is without its data.

    \b
    For example:
      edm push mert95m_baseline
      edm push --all
      edm push --stop
    """
    if stop:
        _stop("push", runs, everything, as_json)
        return
    from edm_core.actions.push import push as push_runs
    from edm_core.workspace import find_workspace

    _not_both(runs, everything)
    workspace = find_workspace()
    targets = run_dirs(workspace, runs) if runs else None
    with outliving() as line:
        outcome = push_runs(workspace, targets, branches=branches, say=line.say, watch=line.watch)
    print_outcome(outcome, as_json)


@click.command()
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every kept run and the data set (the default without RUN).")
@click.option("--stop", is_flag=True, help="Stop the pull that goes on; what has arrived stays.")
@json_option
def pull(runs: tuple[str, ...], everything: bool, stop: bool, as_json: bool) -> None:
    """Pull git (fast-forward only), then the data of kept runs.

    \b
    For example:
      edm pull mert95m_baseline
      edm pull --all
      edm pull --stop
    """
    if stop:
        _stop("pull", runs, everything, as_json)
        return
    from edm_core.actions.pull import pull as pull_runs
    from edm_core.workspace import find_workspace

    _not_both(runs, everything)
    workspace = find_workspace()
    with outliving() as line:
        choose = partial(run_dirs, workspace, runs) if runs else None
        outcome = pull_runs(workspace, choose or (lambda: None), say=line.say, watch=line.watch)
    print_outcome(outcome, as_json)


def _stop(verb: str, runs: tuple[str, ...], everything: bool, as_json: bool) -> None:
    from edm_core.actions.transfer import stop_transfers
    from edm_core.workspace import find_workspace

    if runs or everything:
        raise click.UsageError(f"--stop stops the {verb} that goes on, whatever it sends: give no RUN and no --all")
    print_outcome(stop_transfers(find_workspace(), verb), as_json)


def _not_both(runs: tuple[str, ...], everything: bool) -> None:
    if runs and everything:
        raise click.UsageError("name runs, or give --all, not both")


def run_dirs(workspace: "Workspace", refs: tuple[str, ...]) -> list[str]:
    """The run folders (relative) that these names stand for; a pointer of that name needs no MLflow run."""
    from edm_core.stores.runs import find_run

    found = []
    for ref in refs:
        pointer = workspace.runs_dir / f"{ref}.dvc"
        if os.sep not in ref and pointer.exists():
            found.append(workspace.relative(workspace.runs_dir) + f"/{ref}")
            continue
        row = find_run(workspace, ref)
        if not row.run_dir:
            from edm_core.errors import ActionError

            raise ActionError(f"run {clean(row.name)} has no folder, so nothing of it is in DVC", "edm runs show RUN")
        found.append(row.run_dir)
    return list(dict.fromkeys(found))
