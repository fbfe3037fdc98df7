"""Keep: dvc add, a commit of exactly RUN.dvc and the .gitignore beside it, MLflow tags; all of it or nothing.

Each step is in the journal before the next begins, so a process that dies leaves an entry that
`keep_recovery` finishes (the commit is there) or changes back (it is not).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edm_core.actions import trash
from edm_core.actions.helper import SetTags, checking
from edm_core.actions.keep_files import commit_files, commit_message, describe, hash_in, write_meta, write_or_remove
from edm_core.actions.keep_plan import (
    KeepPlan,
    best_checkpoint,
    check_can_keep,
    make_plan,
    ours,
    read_text,
)
from edm_core.actions.keep_recovery import finish, recover_unfinished, roll_back
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError, EdmError
from edm_core.gitrepo import git_of
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import remember_kept, run_folders
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace


def keep(
    workspace: Workspace,
    row: RunRow,
    *,
    message: str = "",
    partial: bool = False,
    say: Say = quiet,
    set_tags: SetTags | None = None,
) -> Outcome:
    """Keep the run's folder as it is now; keeping again after it changed makes a new version.

    `set_tags` is how MLflow is told (default: its client, imported here when everything else is done).
    Raises an EdmError when it cannot be done; then everything is as it was before.
    """
    with data_lane(workspace, f"edm keep {row.name}", say):
        recover_unfinished(workspace, row.run_dir, say)
        check_can_keep(workspace, row, partial)
        git = git_of(workspace)
        git.check_can_commit()
        DvcRepo(workspace).require()
        row = with_exact_metrics(workspace, row)
        plan = make_plan(workspace, row, trash.new_id(workspace, row.name))
        if _is_kept(workspace, plan):
            return _already(row, hash_in(plan.before.pointer))
        return _Keeping(workspace, row, plan, message or commit_message(workspace, row), partial, say).run(set_tags)


def _is_kept(workspace: Workspace, plan: KeepPlan) -> bool:
    """Whether the folder is what a committed pointer names, by the stamps of its files."""
    if plan.excluded or plan.before.pointer is None:
        return False
    folder = Path(plan.run_dir)
    if (workspace.root / folder.parent) != workspace.runs_dir:
        return False
    found = run_folders(workspace, {folder.name}).get(folder.name)
    same = found is not None and found.state in (DataState.KEPT, DataState.PUSHED)
    return same and git_of(workspace).at("HEAD", plan.pointer) == plan.before.pointer


def _already(row: RunRow, dvc_hash: str) -> Outcome:
    return Outcome(
        f"{row.name} is kept already, unchanged", stale=(), data={"run": row.name, "kept": dvc_hash, "changed": False}
    )


class _Keeping:
    """One keep under way."""

    def __init__(
        self, workspace: Workspace, row: RunRow, plan: KeepPlan, message: str, partial: bool, say: Say
    ) -> None:
        self.workspace, self.row, self.plan, self.message, self.say = workspace, row, plan, message, say
        self.journal = Journal(workspace)
        self.dvc = DvcRepo(workspace, say)
        self.folder = workspace.root / plan.run_dir
        self.check_best = best_checkpoint(self.folder).exists() and ours(row, self.folder) and not partial

    def run(self, set_tags: SetTags | None) -> Outcome:
        best = best_checkpoint(self.folder) if self.check_best else None
        with checking(self.workspace, best) as check_best:
            entry = self.journal.begin("keep", self.row.name, **self.plan.as_dict(), message=self.message)
            try:
                dvc_hash = self._version(entry, check_best)
                commit = "" if dvc_hash is None else self._commit(entry)
            except BaseException as error:
                self._change_back(entry, error)
                raise
        return self._finish(entry, dvc_hash, commit, set_tags)

    def _version(self, entry: Entry, check_best: Callable[[], None]) -> str | None:
        """Leave out, dvc add, meta. The new hash; None when HEAD has this version already."""
        plan, step = self.plan, self.journal.step
        if plan.slot:
            self.say(f"leaving out {len(plan.excluded)} files (to the trash)")
            step(entry.id, "exclude")
            leave_out(self.workspace, self.row, plan)
        self.say(f"dvc add {plan.run_dir}")
        step(entry.id, "add")
        self.dvc.must("add", "--", plan.run_dir)
        step(entry.id, "check")
        check_best()
        git = git_of(self.workspace)
        dvc_hash = hash_in(read_text(self.workspace.root / plan.pointer))
        if not dvc_hash:
            raise ActionError(f"dvc add left no pointer {plan.pointer}", "edm doctor")
        committed = git.at("HEAD", plan.pointer)
        if hash_in(committed) == dvc_hash:
            write_or_remove(self.workspace.root / plan.pointer, committed)
            return None
        rule = git.ignored(plan.pointer)
        if rule:
            raise ActionError(f"git ignores {plan.pointer} by the rule {rule}", "`edm init` says which rules work.")
        text = write_meta(self.workspace.root / plan.pointer, describe(self.row))
        step(entry.id, "pointer", text=text, hash=dvc_hash)
        return dvc_hash

    def _commit(self, entry: Entry) -> str:
        self.say(f"git commit {self.plan.pointer}")
        self.journal.step(entry.id, "commit")
        commit = commit_files(git_of(self.workspace), self.plan, self.message)
        self.journal.step(entry.id, "committed", commit=commit)
        return commit

    def _change_back(self, entry: Entry, error: BaseException) -> None:
        roll_back(self.workspace, self.plan)
        message = error.message if isinstance(error, EdmError) else f"interrupted: {type(error).__name__}"
        self.journal.failed(entry.id, message)

    def _finish(self, entry: Entry, dvc_hash: str | None, commit: str, set_tags: SetTags | None) -> Outcome:
        if dvc_hash is None:
            kept = hash_in(read_text(self.workspace.root / self.plan.pointer))
            remember_kept(self.workspace, self.folder, kept)
            self.journal.done(entry.id)
            return _already(self.row, kept)
        problem = finish(self.workspace, entry, self.plan, dvc_hash, commit, set_tags)
        size, files = trash.measure(self.folder)
        data = {"run": self.row.name, "run_id": self.row.run_id, "kept": dvc_hash, "commit": commit,
                "pointer": self.plan.pointer, "bytes": size, "files": files, "left_out": list(self.plan.excluded),
                "changed": True}  # fmt: skip
        detail = f"{files} files, {size:,} bytes; commit {commit[:9]}" + (f"\n{problem}" if problem else "")
        return Outcome(f"kept {self.row.name}", detail, "warning" if problem else "done", ("runs", "data"), data)


def with_exact_metrics(workspace: Workspace, row: RunRow) -> RunRow:
    """The row with best values over the whole history, which a row of the table may only sample."""
    if not row.run_id:
        return row
    return replace(row, metrics=open_tracking(workspace).summaries(row.run_id) or row.metrics)


def leave_out(workspace: Workspace, row: RunRow, plan: KeepPlan) -> None:
    """Move what [keep] exclude names into the trash."""
    folder = workspace.root / plan.run_dir
    size = trash.measure(folder, plan.excluded)
    slot = trash.open_slot(workspace, row, trash.EXCLUDED, plan.run_dir, size, plan.slot)
    trash.move_out(slot, folder, plan.excluded)
