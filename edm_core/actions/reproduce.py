"""Reproduce a run: a git worktree at its commit, with its data, and the same training started in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from edm_core.actions.keep_files import hash_in
from edm_core.actions.keep_plan import read_text
from edm_core.actions.reproduce_data import bring_data
from edm_core.errors import ActionError, EdmError
from edm_core.gitrepo import GitRepo, git_of
from edm_core.jobs.again import Again, again
from edm_core.jobs.local import launch
from edm_core.jobs.place import JobFolder
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import RunRow
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace

_NAMES = 100_000


@dataclass(frozen=True, slots=True)
class _Tree:
    """The worktree: where it is, and the workspace's place in it."""

    folder: Path
    root: Path


def reproduce(
    workspace: Workspace, row: RunRow, *, into: Path | None = None, start: bool = True, say: Say = quiet
) -> Outcome:
    """Make the worktree (default `.edm/reproduce/RUN-COMMIT`), bring the data, launch the training as a job.

    The new run goes to this workspace's MLflow store, under the next free name. Raises an EdmError when it cannot be
    done; a worktree that was begun is then removed again.
    """
    git = git_of(workspace)
    commit = _commit_of(git, row)
    how = _how(workspace, row)
    folder = (into or workspace.edm_dir / "reproduce" / f"{row.name}-{commit[:9]}").resolve()
    if folder.exists():
        raise ActionError(f"{folder} is there already", f"git worktree remove --force {folder}   or give --into DIR")
    with data_lane(workspace, f"edm runs reproduce {row.name}", say):
        tree = _make_tree(git, folder, commit, say)
        try:
            notes = [_patch(workspace, git, tree, row), bring_data(workspace, tree.root, row, say)]
        except BaseException:
            git.run("worktree", "remove", "--force", str(folder))
            raise
    data = {
        "run": row.name, "run_id": row.run_id, "commit": commit, "worktree": str(tree.root), "new_run": how.run_name,
        "command": list(how.command), "job": "", "data": hash_in(read_text(tree.root / "data.dvc")),
    }  # fmt: skip
    if start:
        cwd, env = _cwd(workspace, how, tree), _environment(how, tree)
        job = launch(workspace, how.command, title=f"reproduce {row.name}", run_name=how.run_name, cwd=cwd, env=env)
        data["job"] = job.id
    told = [*filter(None, notes), f"the worktree: {tree.root}", f"compare: edm runs diff {row.name} {how.run_name}"]
    verb = "reproducing" if start else "ready to reproduce"
    return Outcome(f"{verb} {row.name} as {how.run_name}", "\n".join(told), "done", ("runs", "jobs"), data)


def _commit_of(git: GitRepo, row: RunRow) -> str:
    if not row.git_commit:
        raise ActionError(f"run {row.name} names no git commit, so its code is not known", f"edm runs show {row.name}")
    found = git.answer("rev-parse", "--verify", "--quiet", f"{row.git_commit}^{{commit}}")
    if not found:
        raise ActionError(
            f"commit {row.git_commit[:9]} of run {row.name} is not in this repository",
            "`git fetch --all` may bring it; it was made elsewhere, or never pushed.",
        )
    return found


def _how(workspace: Workspace, row: RunRow) -> Again:
    here = {path.name.removesuffix(".dvc") for path in workspace.runs_dir.glob("*")}
    return again(workspace, row, here | set(open_tracking(workspace).names(_NAMES)))


def _make_tree(git: GitRepo, folder: Path, commit: str, say: Say) -> _Tree:
    say(f"git worktree at {commit[:9]}: {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    git.run("worktree", "prune")
    done = git.run("worktree", "add", "--detach", "--quiet", str(folder), commit)
    if done.returncode != 0:
        raise ActionError(f"git made no worktree: {done.stderr.strip()}", "git worktree list")
    return _Tree(folder, folder / git.answer("rev-parse", "--show-prefix"))


def _patch(workspace: Workspace, git: GitRepo, tree: _Tree, row: RunRow) -> str:
    """Bring the uncommitted changes that the run's job was started with; what to tell of them."""
    job_id = row.job.id if row.job is not None else row.tags.get("edm.job_id", "")
    folder = JobFolder(workspace.jobs_dir / job_id) if job_id else None
    patch = folder.path / "uncommitted.patch" if folder is not None else None
    if patch is None or not patch.exists():
        dirty = row.tags.get("edm.git_dirty") == "true"
        return "the code had uncommitted changes, which nobody recorded: this is the commit alone" if dirty else ""
    facts = folder.read(folder.path / "environment.json") or {} if folder is not None else {}
    if facts.get("patch_cut"):
        return f"its uncommitted changes were too large to be recorded whole ({patch}): this is the commit alone"
    done = git.run("-C", str(tree.folder), "apply", "--whitespace=nowarn", str(patch))
    if done.returncode != 0:
        raise ActionError(f"the uncommitted changes of {row.name} do not apply: {done.stderr.strip()}", f"See {patch}.")
    absent = facts.get("patch_left_out")
    told = f", without {', '.join(map(str, absent))}" if isinstance(absent, list) and absent else ""
    return f"with the uncommitted changes that its job recorded{told}"


def _cwd(workspace: Workspace, how: Again, tree: _Tree) -> Path:
    """The same folder as then, in the worktree."""
    cwd = (how.cwd or workspace.root).resolve()
    place = tree.root / cwd.relative_to(workspace.root) if cwd.is_relative_to(workspace.root) else tree.root
    if not place.is_dir():
        raise EdmError(f"{place} is not in the worktree", "The run was started in a folder that its commit lacks.")
    return place


def _environment(how: Again, tree: _Tree) -> dict[str, str]:
    """The job's own environment; where the repository holds the training's package, the worktree's comes first."""
    env = dict(how.env)
    if (tree.root / "edm_core" / "__init__.py").exists():
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(tree.root), env.get("PYTHONPATH", "")]))
    return env
