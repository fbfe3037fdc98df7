"""Push: DVC objects, seen on the remote, then git: in that order nobody ever pulls a pointer without its data."""

from collections.abc import Sequence
from pathlib import Path

from edm_core.actions.push_git import push_branch, push_others
from edm_core.actions.push_history import explained, older_versions, send
from edm_core.actions.transfer import Transfer, Watch, nobody, transfer
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.gitrepo import git_of
from edm_core.journal import Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.data_states import pointer
from edm_core.stores.pushed import ever_pushed_to
from edm_core.stores.redact import masked
from edm_core.workspace import Workspace


def push(
    workspace: Workspace, run_dirs: Sequence[str] | None = None, *, branches: bool = False, say: Say = quiet,
    watch: Watch = nobody,
) -> Outcome:  # fmt: skip
    """Push these kept runs (folders relative to the workspace), or every kept run and the data set, then git.

    What the commits that git is going to push name is pushed too, older versions of a run among it; with `branches`
    these are all commits that are only here, not those of the current branch alone. How far it is goes to `watch` and
    to a folder in `.edm/transfers`, which others may follow.
    Raises an EdmError when it stops; what has arrived stays, and pushing again goes on from there.
    """
    with transfer(workspace, "push", run_dirs or (), say, watch) as job, data_lane(workspace, "edm push", job.say):
        job.phase("look")
        remote, address = DvcRepo(workspace).require_remote()
        _check_mounted(workspace, remote, address)
        git = git_of(workspace)
        names = sorted({
            *chosen(workspace, run_dirs), *(path for path in all_pointers(workspace) if git.commits_ahead(path))
        })  # fmt: skip
        entry = Journal(workspace).begin("push", ", ".join(names) or "git", remote=remote)
        try:
            older = _push_data(workspace, job, remote, address, names, branches)
            job.phase("git")
            told, git_done = push_branch(git, job.say)
            others = push_others(git, job.say) if branches else ""
            told, git_done = "\n".join(filter(None, (told, others))), git_done or bool(others)
        except BaseException as error:
            Journal(workspace).failed(entry.id, str(error) or type(error).__name__)
            raise
        Journal(workspace).done(entry.id)
        data = {"remote": remote, "address": masked(address), "pushed": names, "older_versions": older, "git": git_done}
        count = f"{len(names)} pointer{'s' if len(names) != 1 else ''}"
        return job.end(
            Outcome(
                f"pushed {count} to {remote}, verified there",
                f"{told}; a push is not undone",
                "done",
                ("runs", "data"),
                data,
            )
        )


def chosen(workspace: Workspace, run_dirs: Sequence[str] | None) -> list[str]:
    """The pointers of these runs, or all of the workspace. Raises ActionError for a run that is not kept."""
    if run_dirs is None:
        return all_pointers(workspace)
    for run_dir in run_dirs:
        if not (workspace.root / f"{run_dir}.dvc").exists():
            raise ActionError(f"{run_dir} is not kept, so there is nothing to push", f"edm keep {Path(run_dir).name}")
    return [f"{run_dir}.dvc" for run_dir in run_dirs]


def all_pointers(workspace: Workspace) -> list[str]:
    """Every RUN.dvc, and data.dvc, relative to the workspace."""
    runs = sorted(workspace.runs_dir.glob("*.dvc")) if workspace.runs_dir.is_dir() else []
    data = [workspace.data_pointer] if workspace.data_pointer.exists() else []
    return [workspace.relative(path) for path in (*runs, *data)]


def _check_mounted(workspace: Workspace, remote: str, address: str) -> None:
    """A folder that has gone was a disk or a share: DVC would make it anew on this machine, and call that safe."""
    if "://" in address:
        return
    folder = (DvcRepo(workspace).require() / address).resolve()
    if not folder.exists() and ever_pushed_to(workspace, remote):
        raise ActionError(
            f"the remote {remote}: {folder} is not there, though data were seen on it before",
            f"Is it mounted? If it is meant to begin anew: mkdir -p {folder}",
        )


def _push_data(
    workspace: Workspace, job: Transfer, remote: str, address: str, names: Sequence[str], branches: bool
) -> int:
    """Send and see every object on the remote; returns how many older versions went along."""
    older = older_versions(workspace, branches=branches)
    if older:
        job.say(f"{len(older)} older versions that the unpushed commits name")
    wanted = {pointer(workspace.root / name).hash: name for name in names}
    wanted |= {value: f"version {value[:8]}" for value in older if value not in wanted}
    if wanted:
        job.say(f"pushing to {remote} ({address}): {', '.join(Path(name).stem for name in wanted.values())}")
    report = send(workspace, wanted, remote, job)
    if report.reasons:
        raise explained(report, remote)
    absent = [name for value, name in wanted.items() if value not in report.seen]
    if absent:
        lost = "Objects that the cache here has lost: `edm doctor --fix` puts them back from the folder."
        raise ActionError(f"not all of {', '.join(absent)} is on {remote}, so git was not pushed", lost)
    return len(older)
