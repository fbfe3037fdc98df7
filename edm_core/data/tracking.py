"""The data set of a workspace and DVC: make it, track it, ask where it is, pull it."""

import json
from dataclasses import dataclass
from pathlib import Path

from edm_core.data.make import MadeData, Progress, make_dataset
from edm_core.data.version import DataSetState, data_state, data_version
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import DataError, StoreError
from edm_core.lock import Say, quiet
from edm_core.workspace import Workspace


@dataclass(frozen=True)
class MadeAndTracked:
    """What `edm data make` did: the data made, the version in data.dvc afterwards (None without DVC), and whether
    `dvc add` was run for it."""

    made: MadeData
    version: str | None
    added: bool

    @property
    def matches(self) -> bool:
        return self.version == self.made.version


def make_and_track(
    workspace: Workspace, *, force: bool = False, say: Say = quiet, progress: Progress | None = None
) -> MadeAndTracked:
    """Make data/ and, where no data.dvc tracks it yet, `dvc add` it. Raises `DataError`, `StoreError`."""
    made = make_dataset(workspace.data_dir, force=force, aside=workspace.edm_dir / "replaced", progress=progress)
    version = data_version(workspace.root)
    if version is not None:
        return MadeAndTracked(made, version, added=False)
    dvc = DvcRepo(workspace, say)
    if dvc.folder() is None:
        return MadeAndTracked(made, None, added=False)
    say("dvc add data")
    dvc.must("add", "--quiet", "data")
    return MadeAndTracked(made, data_version(workspace.root), added=True)


@dataclass(frozen=True)
class RemoteState:
    """Whether the default remote has the data set: `has_all` is None where it could not be asked, and why."""

    name: str
    has_all: bool | None
    reason: str = ""


def remote_state(workspace: Workspace, say: Say = quiet) -> RemoteState:
    """Ask the default remote for the tracked version. Never raises for a remote that is away."""
    dvc = DvcRepo(workspace, say)
    remote = dvc.default_remote()
    if remote is None:
        return RemoteState("", None, "DVC has no default remote")
    done = dvc.run("status", "--cloud", "--json", "-r", remote[0], "data.dvc")
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return RemoteState(remote[0], None, lines[-1].strip() if lines else "`dvc status` failed")
    try:
        found = json.loads(done.stdout or "{}")
    except ValueError as error:
        raise StoreError("`dvc status --json` gave no JSON", "Run it by hand to see what it says.") from error
    # "deleted" means on the remote and not here, which is as good as there; "new" and "missing" are not there.
    return RemoteState(remote[0], not ({"new", "missing"} & set(found.values())))


def pull_data(workspace: Workspace, say: Say = quiet) -> DataSetState:
    """`dvc pull data.dvc`. Data that were changed here are left alone: raises `DataError`; `ActionError` where DVC
    cannot pull."""
    state = data_state(workspace.root)
    if state.state == "untracked":
        raise DataError("there is no data.dvc to pull by", "`edm data make` makes a data set and tracks it")
    if state.state == "same":
        return state
    # An interrupted pull leaves files out but changes none: going on overwrites nothing.
    if state.state == "differs" and (state.changed, state.added) != (0, 0):
        raise DataError(
            f"{state.sentence}; pulling would overwrite them",
            "`dvc add data` tracks what is here; move data/ away to pull the tracked version",
        )
    dvc = DvcRepo(workspace, say)
    name, address = dvc.require_remote()
    say(f"dvc pull data.dvc from {name} ({address})")
    dvc.must("pull", "-r", name, "data.dvc", hint="Was it pushed (`dvc push data.dvc`)? `edm data make` makes it anew.")
    return data_state(workspace.root)


def count_tracks(folder: Path) -> int:
    """How many tracks a data folder has annotations for; 0 where there are none."""
    places = (folder / "annotations", folder / "jams")
    return len({p.stem for place in places if place.is_dir() for p in place.iterdir() if p.is_file()})
