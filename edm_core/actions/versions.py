"""The kept versions of a run, newest first, and putting one of them back into the folder as a new commit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edm_core.actions.doctor_processes import clear_stale_locks, wait_for_orphans
from edm_core.actions.keep_files import commit_files, hash_in, write_or_remove
from edm_core.actions.keep_plan import KeepPlan, check_not_running, make_plan, read_text
from edm_core.actions.keep_recovery import recover_unfinished
from edm_core.actions.run_tags import set_tags
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError, EdmError, NotFoundError
from edm_core.gitrepo import git_of
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import remember_kept, run_folders
from edm_core.stores.dvc_pointer import cache_root, cached_files
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.pushed import pushed_remotes
from edm_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Version:
    """One committed version: DVC's hash, the commit that made it, where its data are."""

    hash: str
    commit: str
    at: int
    """When it was committed (Unix seconds)."""
    author: str
    subject: str
    current: bool
    cached: bool
    remotes: tuple[str, ...]
    branch: str = ""
    """The branch that alone holds it; "" where the current one does."""


def versions_of(workspace: Workspace, row: RunRow) -> list[Version]:
    """Every version of the run that git's history holds, newest first, whoever committed it and on what branch.

    What only other branches hold comes after what the current one has.
    """
    if not row.run_dir:
        return []
    path = f"{row.run_dir}.dvc"
    now = hash_in(read_text(workspace.root / path))
    own = _committed(workspace, path, now, "HEAD")
    known = {version.hash for version in own}
    found = dict[str, Version]()
    for version in _committed(workspace, path, now, "--all"):
        if version.hash not in known:
            found.setdefault(version.hash, version)
    return [*own, *found.values()]


def _committed(workspace: Workspace, path: str, now: str, which: str) -> list[Version]:
    """One version for each commit of `which` that changed the pointer and left it there.

    A merge counts only for what none of the others made.
    """
    git = git_of(workspace)
    form = "--format=%H%x00%ct%x00%an%x00%S%x00%P%x00%s"
    made: list[Version] = []
    merged: list[Version] = []
    for line in git.answer("log", which, "--full-history", "--source", form, "--", path).splitlines():
        commit, at, author, ref, parents, subject = line.split("\0", 5)
        dvc_hash = hash_in(git.at(commit, path))
        version = Version(
            dvc_hash, commit, int(at), author, subject, dvc_hash == now, is_cached(workspace, dvc_hash),
            tuple(pushed_remotes(workspace, dvc_hash)), "" if which == "HEAD" else short_ref(ref),
        )  # fmt: skip
        if dvc_hash:
            (merged if " " in parents else made).append(version)
    known = {version.hash for version in made}
    return sorted([*made, *(one for one in merged if one.hash not in known)], key=lambda one: -one.at)


def short_ref(ref: str) -> str:
    """`main` of refs/heads/main, `origin/main` of refs/remotes/origin/main."""
    for prefix in ("refs/heads/", "refs/remotes/", "refs/"):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


def run_in_history(workspace: Workspace, name: str) -> RunRow | None:
    """A run of this name that no store and no disk knows any more, but a commit does; None for none."""
    if not name or "/" in name:
        return None
    run_dir = f"{workspace.relative(workspace.runs_dir)}/{name}"
    held = git_of(workspace).answer("log", "--all", "-1", "--format=%H", "--", f"{run_dir}.dvc")
    return RunRow("", name, run_dir=run_dir) if held else None


def is_cached(workspace: Workspace, dvc_hash: str) -> bool:
    """Whether the cache holds every object of this version."""
    files = cached_files(workspace.root, dvc_hash)
    objects = cache_root(workspace.root) / "files" / "md5"
    return files is not None and all((objects / md5[:2] / md5[2:]).exists() for md5 in files.values())


def restore_version(workspace: Workspace, row: RunRow, which: str, *, say: Say = quiet) -> Outcome:
    """Put a version (its hash or commit, or their beginning) back into the folder, and commit that.

    Raises NotFoundError, or ActionError where something in the folder is kept nowhere; nothing is lost.
    """
    with data_lane(workspace, f"edm runs versions {row.name}", say):
        recover_unfinished(workspace, row.run_dir, say)
        version = _pick(versions_of(workspace, row), row.name, which)
        check_not_running(row, workspace.root / row.run_dir, "keep")
        _check_nothing_lost(workspace, row)
        git = git_of(workspace)
        git.check_can_commit()
        plan = make_plan(workspace, row, "")
        wanted = git.at(version.commit, plan.pointer)
        journal = Journal(workspace)
        data = {**plan.as_dict(), "text": wanted, "hash": version.hash, "excluded": [], "slot": ""}
        entry = journal.begin("version", f"{row.name} {version.hash[:8]}", **data)
        try:
            commit = _switch(workspace, plan, str(wanted), f"Restore run {row.name} to {version.hash[:8]}", say)
        except BaseException as error:
            _switch_back(workspace, plan, say)
            journal.failed(entry.id, error.message if isinstance(error, EdmError) else "interrupted")
            raise
        _settle(workspace, plan, version.hash, commit)
        journal.done(entry.id, undo=_undoable(plan))
    told = {"run": row.name, "kept": version.hash, "commit": commit, "from": version.commit}
    return Outcome(f"{row.name} is as kept in {version.commit[:9]}", version.subject, "done", ("runs", "data"), told)


def _pick(versions: list[Version], name: str, which: str) -> Version:
    named = [v for v in versions if which and (v.hash.startswith(which) or v.commit.startswith(which))]
    if not named:
        known = ", ".join(v.hash[:8] for v in versions) or "none"
        raise NotFoundError(f"{name} has no version {which!r}", f"Versions are: {known}.")
    if len({v.hash for v in named}) > 1:
        raise NotFoundError(f"{which!r} could be several versions of {name}", "Give more of the hash.")
    return named[0]


def _check_nothing_lost(workspace: Workspace, row: RunRow) -> None:
    """What is in the folder now must be kept, and in the cache: it is going to be replaced."""
    name = Path(row.run_dir).name
    found = run_folders(workspace, {name}).get(name)
    if found is None or not found.present or found.state is DataState.MISSING:
        return
    if found.state not in (DataState.KEPT, DataState.PUSHED) or found.pointer is None:
        raise ActionError(f"{row.run_dir} holds what was not kept: it would be replaced", f"edm keep {row.name}")
    if not is_cached(workspace, found.pointer.hash):
        raise ActionError(f"DVC's cache lacks objects of {row.name} as it is now", "edm doctor --fix")


def _switch(workspace: Workspace, plan: KeepPlan, text: str, message: str, say: Say) -> str:
    """Pointer, folder, commit, in that order; each can be done again."""
    dvc = DvcRepo(workspace, say)
    write_or_remove(workspace.root / plan.pointer, text)
    if is_cached(workspace, hash_in(text)):
        say(f"dvc checkout {plan.pointer}")
        dvc.must("checkout", "--force", "--", plan.pointer)
    else:
        remote, address = dvc.require_remote()
        say(f"dvc pull from {remote} ({address}): {plan.run_name}")
        dvc.must("pull", "--force", "-r", remote, "--", plan.pointer)
    return commit_files(git_of(workspace), plan, message)


def _switch_back(workspace: Workspace, plan: KeepPlan, say: Say) -> None:
    """Pointer, index and folder as they were; the folder's content is in the cache, that was checked."""
    git = git_of(workspace)
    write_or_remove(workspace.root / plan.pointer, plan.before.pointer)
    git.restore_index({plan.pointer: plan.before.pointer_index, plan.ignore: plan.before.ignore_index})
    if (workspace.root / plan.run_dir).is_dir() and plan.before.pointer is not None:
        DvcRepo(workspace, say).must("checkout", "--force", "--", plan.pointer)
        remember_kept(workspace, workspace.root / plan.run_dir, hash_in(plan.before.pointer))


def _settle(workspace: Workspace, plan: KeepPlan, dvc_hash: str, commit: str) -> None:
    remember_kept(workspace, workspace.root / plan.run_dir, dvc_hash)
    if plan.run_id:
        set_tags(mlflow_client(workspace), plan.run_id, {"edm.kept": dvc_hash, "edm.kept_commit": commit})


def _undoable(plan: KeepPlan) -> Mapping[str, Any] | None:
    """A run that had no pointer here has no version to go back to; `edm discard` moves it away."""
    return {} if plan.before.pointer is not None else None


def recover_version(workspace: Workspace, entry: Entry) -> str:
    """Finish a restore whose process died, if its commit is there; else change it back."""
    plan = KeepPlan.from_dict(entry.data)
    wait_for_orphans(workspace)
    clear_stale_locks(git_of(workspace))
    journal = Journal(workspace)
    if git_of(workspace).at("HEAD", plan.pointer) == entry.data["text"]:
        commit = _switch(workspace, plan, entry.data["text"], f"Restore run {plan.run_name}", quiet)
        _settle(workspace, plan, entry.data["hash"], commit)
        journal.done(entry.id, undo=_undoable(plan))
        return f"finished restoring {entry.target}, which had been interrupted"
    _switch_back(workspace, plan, quiet)
    journal.failed(entry.id, "interrupted")
    return f"changed back the restoring of {entry.target}, which had been interrupted"


def undo_version(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Back to the version before, by a new commit. Can be run again. ActionError where the folder changed since."""
    plan = KeepPlan.from_dict(entry.data)
    git_of(workspace).check_can_commit()
    before = plan.before.pointer
    if read_text(workspace.root / plan.pointer) not in (entry.data["text"], before) or before is None:
        raise ActionError(f"{plan.pointer} was changed since", f"edm runs versions {plan.run_name}")
    if read_text(workspace.root / plan.pointer) != before:
        _check_nothing_lost(workspace, RunRow(plan.run_id, plan.run_name, run_dir=plan.run_dir))
    commit = _switch(workspace, plan, before, f"Undo: restore run {plan.run_name}", say)
    _settle(workspace, plan, hash_in(before), commit)
    return f"{plan.run_name} is back at {hash_in(before)[:8]}"


def as_document(version: Version) -> Mapping[str, Any]:
    return asdict(version)
