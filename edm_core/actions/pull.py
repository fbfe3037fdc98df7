"""Pull: git forward only, then the data of kept runs from DVC's remote."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edm_core.actions.push import all_pointers, chosen
from edm_core.actions.push_git import pull_branch
from edm_core.actions.push_history import arrive
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.gitrepo import git_of
from edm_core.journal import Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import pointer, remember_kept, run_folders
from edm_core.workspace import Workspace

Choose = Callable[[], Sequence[str] | None]


def pull(workspace: Workspace, choose: Choose, *, say: Say = quiet) -> Outcome:
    """Pull git, then the runs that `choose` names (asked after git, for a teammate's run comes with it), or all.

    Raises ActionError where git would refuse, or where local changes in a run folder would be overwritten.
    """
    with data_lane(workspace, "edm pull", say):
        git = git_of(workspace)
        dvc = DvcRepo(workspace, say)
        entry = Journal(workspace).begin("pull", "git")
        try:
            told = pull_branch(git, say)
            run_dirs = choose()
            names = chosen(workspace, run_dirs) if run_dirs is not None else all_pointers(workspace)
            fetched = _pull_data(workspace, dvc, names, strict=run_dirs is not None)
        except BaseException as error:
            Journal(workspace).failed(entry.id, str(error) or type(error).__name__)
            raise
        Journal(workspace).done(entry.id)
        title = f"pulled {len(fetched)} of {len(names)} pointers" if names else "nothing is in DVC here yet"
        return Outcome(title, told, "done", ("runs", "data"), {"pulled": fetched, "pointers": names, "git": told})


def _pull_data(workspace: Workspace, dvc: DvcRepo, names: Sequence[str], strict: bool) -> list[str]:
    """dvc pull of those pointers whose data are not here as they say; returns them.

    A run that was changed here is an error where it was asked for by name (`strict`), else left alone.
    """
    states = run_folders(workspace)
    wanted = []
    for name in names:
        folder = states.get(Path(name).stem) if (workspace.root / name).parent == workspace.runs_dir else None
        if folder is not None and folder.state is DataState.CHANGED:
            _changed(Path(name).stem, strict, dvc.say)
        elif folder is None or folder.state not in (DataState.KEPT, DataState.PUSHED):
            wanted.append(name)
    if not wanted:
        return []
    remote, address = dvc.require_remote()
    dvc.say(f"dvc pull from {remote} ({address}): {', '.join(Path(name).stem for name in wanted)}")
    hint = f"What arrived stays here: `edm pull` goes on. Was it pushed (`edm push` there)? Is {address} reachable?"
    dvc.must("pull", "-r", remote, "--", *wanted, hint=hint)
    for name in wanted:
        path = workspace.root / name
        if path.parent == workspace.runs_dir:
            remember_kept(workspace, path.with_suffix(""), pointer(path).hash)
    arrive(workspace, [pointer(workspace.root / name).hash for name in wanted], remote, send=False)
    return list(wanted)


def _changed(run: str, strict: bool, say: Say) -> None:
    message = f"{run} was changed here since it was kept: pulling would overwrite it"
    if strict:
        raise ActionError(message, f"`edm keep {run}` keeps the change; `edm discard` moves it to the trash.")
    say(f"left alone: {message}")
