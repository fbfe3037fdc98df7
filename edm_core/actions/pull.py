"""Pull: git forward only, then the data of kept runs from DVC's remote."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from edm_core.actions.push import all_pointers, chosen
from edm_core.actions.push_git import pull_branch
from edm_core.actions.push_history import check, explained, fetch
from edm_core.actions.transfer import Transfer, Watch, nobody, transfer
from edm_core.actions.versions import is_cached
from edm_core.data.version import data_state
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.gitrepo import git_of
from edm_core.journal import Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import pointer, remember_kept, run_folders
from edm_core.stores.kept_files import kept_dir, stamps
from edm_core.stores.redact import masked
from edm_core.workspace import Workspace

Choose = Callable[[], Sequence[str] | None]


def pull(workspace: Workspace, choose: Choose, *, say: Say = quiet, watch: Watch = nobody) -> Outcome:
    """Pull git, then the runs that `choose` names (asked after git, for a teammate's run comes with it), or all.

    How far it is goes to `watch` and to a folder in `.edm/transfers`, which others may follow.
    Raises ActionError where git would refuse, or where local changes in a run folder would be overwritten.
    """
    with transfer(workspace, "pull", (), say, watch) as job, data_lane(workspace, "edm pull", job.say):
        job.phase("git")
        entry = Journal(workspace).begin("pull", "git")
        try:
            told = pull_branch(git_of(workspace), job.say)
            run_dirs = choose()
            names = chosen(workspace, run_dirs) if run_dirs is not None else all_pointers(workspace)
            fetched = _pull_data(workspace, job, names, strict=run_dirs is not None)
        except BaseException as error:
            Journal(workspace).failed(entry.id, str(error) or type(error).__name__)
            raise
        Journal(workspace).done(entry.id)
        title = f"pulled {len(fetched)} of {len(names)} pointers" if names else "nothing is in DVC here yet"
        data = {"pulled": fetched, "pointers": names, "git": told}
        return job.end(Outcome(title, told, "done", ("runs", "data"), data))


def _pull_data(workspace: Workspace, job: Transfer, names: Sequence[str], strict: bool) -> list[str]:
    """dvc pull of those pointers whose data are not here as they say; returns them.

    What was changed here is an error where it was asked for by name (`strict`), else left alone.
    """
    states = run_folders(workspace)
    wanted = []
    for name in names:
        folder = states.get(Path(name).stem) if (workspace.root / name).parent == workspace.runs_dir else None
        if folder is None or folder.state in (DataState.KEPT, DataState.PUSHED):
            continue
        if folder.state is DataState.CHANGED and not _is_older_version(workspace, folder.name):
            _changed(folder.name, strict, job.say)
        else:
            wanted.append(name)
    if wanted:
        _fetch(workspace, job, wanted)
    data = [name for name in names if workspace.root / name == workspace.data_pointer]
    return wanted + (_pull_data_set(workspace, job, data) if data else [])


def _is_older_version(workspace: Workspace, run: str) -> bool:
    """Whether the folder is, file by file, what was kept before: a teammate kept it anew, nobody changed it here."""
    try:
        record = json.loads((kept_dir(workspace) / f"{run}.json").read_bytes())
        files = {name: (size, mtime) for name, (size, mtime) in record["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return files == stamps(workspace.runs_dir / run) and is_cached(workspace, str(record["hash"]))


def _fetch(workspace: Workspace, job: Transfer, names: Sequence[str]) -> None:
    """Objects into the cache, then out of it into the folders, where DVC refuses to overwrite what it does not know."""
    dvc = DvcRepo(workspace, job.say)
    remote, address = dvc.require_remote()
    job.say(f"pulling from {remote} ({address}): {', '.join(Path(name).stem for name in names)}")
    job.phase("look")
    dvc.tell_holder()
    wanted = {pointer(workspace.root / name).hash: name for name in names}
    report = fetch(workspace, wanted, remote, job)
    if report.reasons:
        raise explained(report, remote)
    whole = [name for name in names if pointer(workspace.root / name).hash in report.seen]
    if whole:
        _check_out(workspace, job, dvc, whole, remote)
    absent = sorted({Path(name).stem for name in names} - {Path(name).stem for name in whole})
    if absent:
        hint = f"Was it pushed (`edm push` there)? What arrived stays here. {remote} is {masked(address)}."
        raise ActionError(f"{remote} does not hold all of {', '.join(absent)}", hint)


def _check_out(workspace: Workspace, job: Transfer, dvc: DvcRepo, names: Sequence[str], remote: str) -> None:
    job.phase("checkout")
    dvc.must("checkout", "--", *names)
    for name in names:
        path = workspace.root / name
        if path.parent == workspace.runs_dir:
            remember_kept(workspace, path.with_suffix(""), pointer(path).hash)
    job.phase("verify")
    check(workspace, [pointer(workspace.root / name).hash for name in names], remote)


def _pull_data_set(workspace: Workspace, job: Transfer, names: list[str]) -> list[str]:
    """The data set, unless files here would be overwritten that were never tracked: DVC itself refuses then."""
    if data_state(workspace.root, workspace.cache_dir).state == "same":
        return []
    try:
        _fetch(workspace, job, names)
    except ActionError as error:
        if "unsaved files" not in error.message:
            raise
        _changed("the data set in data/", False, job.say)
        return []
    return names


def _changed(run: str, strict: bool, say: Say) -> None:
    message = f"{run} was changed here since it was kept: pulling would overwrite it"
    if strict:
        raise ActionError(message, f"`edm keep {run}` keeps the change; `edm discard` moves it to the trash.")
    say(f"left alone: {message}")
