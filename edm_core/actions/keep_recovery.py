"""The ends of a keep other than the good one: changed back, finished after a crash, undone by a new commit."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from edm_core.actions import trash
from edm_core.actions.doctor_processes import clear_stale_locks, wait_for_orphans
from edm_core.actions.helper import SetTags
from edm_core.actions.keep_files import ignore_line, restore_files, without_line, write_or_remove
from edm_core.actions.keep_plan import KeepPlan, read_text
from edm_core.actions.run_tags import set_tags
from edm_core.errors import ActionError, StoreError
from edm_core.gitrepo import git_of
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, quiet
from edm_core.stores.data_states import remember_kept
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace


def bring_back(workspace: Workspace, plan: KeepPlan) -> list[str]:
    """Move what was left out back into the folder; names that have a new file in their place are returned."""
    slot = trash.read_slot(workspace.trash_dir / plan.slot / "entry.json") if plan.slot else None
    return trash.move_back(slot, workspace.root / plan.run_dir) if slot else []


def roll_back(workspace: Workspace, plan: KeepPlan) -> None:
    """Everything as it was before keep; what DVC's cache gained stays there."""
    restore_files(workspace, git_of(workspace), plan)
    bring_back(workspace, plan)


def finish(
    workspace: Workspace, entry: Entry, plan: KeepPlan, dvc_hash: str, commit: str, set_them: SetTags | None = None
) -> str:
    """After the commit: remember the folder's stamps, set MLflow's tags, close the entry.

    Returns "" or, when MLflow cannot be reached, why the tags are missing; the entry then stays open for doctor.
    """
    journal = Journal(workspace)
    folder = workspace.root / plan.run_dir
    if folder.is_dir():
        remember_kept(workspace, folder, dvc_hash)
    undo = {**plan.as_dict(), "commit": commit, "hash": dvc_hash, "text": read_text(workspace.root / plan.pointer)}
    if plan.run_id:
        try:
            tags = {"edm.kept": dvc_hash, "edm.kept_commit": commit}
            (set_them or partial(set_tags, mlflow_client(workspace)))(plan.run_id, tags)
        except StoreError as error:
            return f"its tags in MLflow are not set yet ({error.message}); `edm doctor --fix` sets them"
    journal.done(entry.id, undo=undo)
    return ""


def recover_unfinished(workspace: Workspace, run_dir: str, say: Say) -> None:
    """Finish or change back a keep of this run that died."""
    for entry in Journal(workspace).unfinished():
        if entry.verb == "keep" and entry.data.get("run_dir") == run_dir:
            say(recover_keep(workspace, entry, say))


def recover_keep(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Finish a keep whose process died, if its commit is there; else change everything back. Says which it did."""
    plan = KeepPlan.from_dict(entry.data)
    git = git_of(workspace)
    wait_for_orphans(workspace, say)
    clear_stale_locks(git)
    head = git.at("HEAD", plan.pointer)
    wanted = entry.step_data("pointer")
    if wanted and head == wanted["text"]:
        commit = str(entry.step_data("committed").get("commit") or (git.commits_of(plan.pointer) or [git.head()])[0])
        problem = finish(workspace, entry, plan, str(wanted["hash"]), commit)
        return problem or f"finished keeping {plan.run_name}, which had been interrupted after its commit"
    if head != (git.at(plan.head, plan.pointer) if plan.head else None):
        Journal(workspace).failed(entry.id, "interrupted; the pointer was committed otherwise since")
        return f"left {plan.run_name} as it is: its pointer was committed otherwise since keep was interrupted"
    roll_back(workspace, plan)
    Journal(workspace).failed(entry.id, "interrupted")
    return f"changed back the keep of {plan.run_name}, which had been interrupted before its commit"


def undo_keep(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Take a keep back by a new commit that restores exactly its two files; history and DVC's cache stay.

    Can be run again after a crash. Raises ActionError when the pointer was changed since.
    """
    undo: Mapping[str, Any] = entry.undo or {}
    plan = KeepPlan.from_dict(undo)
    git = git_of(workspace)
    git.check_can_commit()
    pointer, ignore = workspace.root / plan.pointer, workspace.root / plan.ignore
    if read_text(pointer) not in (undo["text"], plan.before.pointer):
        raise ActionError(f"{plan.pointer} was changed since it was kept", f"git log -- {plan.pointer}")
    _check_nothing_in_the_way(workspace, plan)
    say(f"git commit: {plan.pointer} as it was before")
    write_or_remove(pointer, plan.before.pointer)
    if plan.before.pointer is None:
        write_or_remove(ignore, without_line(ignore, plan.before.ignore, ignore_line(plan)))
    changed = [path for path in plan.paths if git.at("HEAD", path) != read_text(workspace.root / path)]
    if changed:
        try:
            git.commit_only(changed, f"Undo: keep run {plan.run_name}")
        except ActionError:
            _keep_stays(workspace, plan, undo)
            raise
    if plan.run_id:
        set_tags(mlflow_client(workspace), plan.run_id, plan.tags)
    left = bring_back(workspace, plan)
    return f"{plan.run_name} is as it was before keep" + (f"; still in the trash: {', '.join(left)}" if left else "")


def _check_nothing_in_the_way(workspace: Workspace, plan: KeepPlan) -> None:
    parent = (workspace.root / plan.pointer).parent
    if not parent.is_dir():
        raise ActionError(f"{parent} is not here", "edm doctor")


def _keep_stays(workspace: Workspace, plan: KeepPlan, undo: Mapping[str, Any]) -> None:
    """The commit of the undo failed: the two files go back to what HEAD holds."""
    git = git_of(workspace)
    write_or_remove(workspace.root / plan.pointer, str(undo["text"]))
    committed = git.at("HEAD", plan.ignore)
    if committed is not None:
        write_or_remove(workspace.root / plan.ignore, committed)
