"""Collecting DVC's cache: a dry run that says what goes and whose it was; refusals where something would be lost."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from edm_core.actions.doctor_index import index_gaps
from edm_core.actions.keep_files import hash_in
from edm_core.actions.push_history import on_remote
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.gitrepo import git_of
from edm_core.journal import Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.dvc_pointer import cache_root, cached_files
from edm_core.workspace import Workspace

UNKNOWN = "unknown"
"""What objects are called that no version of a run is known to hold."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """An object of the cache that would go: hash, size in bytes, the run it belonged to, whether the remote has it."""

    hash: str
    bytes: int
    run: str
    pushed: bool


@dataclass(frozen=True, slots=True)
class GcPlan:
    """What a collection would delete; `all_commits` says that every version in a commit stays."""

    doomed: tuple[Doomed, ...]
    all_commits: bool
    remote: str

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.doomed)

    @property
    def id(self) -> str:
        """Names exactly this plan, so that what is deleted is what was shown."""
        return sha256("\n".join(sorted(item.hash for item in self.doomed)).encode()).hexdigest()[:16]

    @property
    def lost(self) -> tuple[str, ...]:
        """Runs of which something would go that no remote has."""
        return tuple(sorted({item.run for item in self.doomed if not item.pushed}))


def plan_gc(workspace: Workspace, *, all_commits: bool = True, say: Say = quiet) -> GcPlan:
    """DVC's dry run, each object with its run and whether the remote has it.

    Raises ActionError when DVC's index does not hold every pointer: it would then delete what is kept.
    """
    with data_lane(workspace, "edm storage gc", say):
        gaps = index_gaps(workspace.root)
        if gaps:
            raise ActionError(
                f"DVC's index does not hold {', '.join(gaps[:3])}: a collection would delete their data",
                "`edm doctor` names the rule in .gitignore that is at fault.",
            )
        dvc = DvcRepo(workspace, say)
        said = dvc.must("gc", *_scope(all_commits), "--dry")
        hashes = _removed(workspace, said)
        remote = dvc.default_remote()
        pushed = on_remote(workspace, hashes, remote[0]) if remote and hashes else set()
        owners = _owners(workspace, hashes)
        cache = cache_root(workspace.root) / "files" / "md5"
        doomed = [
            Doomed(md5, _size(cache / md5[:2] / md5[2:]), owners.get(md5, UNKNOWN), md5 in pushed) for md5 in hashes
        ]
        return GcPlan(tuple(doomed), all_commits, remote[0] if remote else "")


def collect(workspace: Workspace, plan: GcPlan, forget: Collection[str] = (), *, say: Say = quiet) -> Outcome:
    """Delete what the plan names. Runs of which something is on no remote must be named in `forget`.

    Raises ActionError when one is not, or when the cache has changed since the plan was made.
    """
    refused = [run for run in plan.lost if run not in forget]
    if refused:
        raise ActionError(
            f"objects of {', '.join(refused)} are on no remote: they would be lost for good",
            "`edm push --all` first, or name them: " + " ".join(f"--forget {run}" for run in refused),
        )
    with data_lane(workspace, "edm storage gc", say):
        again = plan_gc(workspace, all_commits=plan.all_commits, say=say)
        check_same(again, plan.id)
        entry = Journal(workspace).begin("gc", f"{len(plan.doomed)} objects", bytes=plan.bytes)
        DvcRepo(workspace, say).must("gc", *_scope(plan.all_commits), "--force")
        Journal(workspace).done(entry.id)
    data = {"objects": len(plan.doomed), "bytes": plan.bytes}
    return Outcome(f"freed {plan.bytes:,} bytes of DVC's cache", "", "done", ("data",), data)


def check_same(plan: GcPlan, shown: str) -> None:
    """Raise ActionError where the plan is not the one whose id was shown."""
    if plan.id != shown:
        raise ActionError("the cache has changed since the dry run", "Look again: `edm storage gc`.")


def _scope(all_commits: bool) -> list[str]:
    return ["--workspace", *(["--all-commits"] if all_commits else [])]


def _removed(workspace: Workspace, said: str) -> list[str]:
    """Hashes in DVC's lines `Removing <cache>/files/md5/ab/cdef…`; ActionError for a path that is not like that."""
    root = cache_root(workspace.root).resolve() / "files" / "md5"
    found = []
    for line in said.splitlines():
        if not line.startswith("Removing "):
            continue
        path = Path(line.removeprefix("Removing ").strip()).resolve()
        if path.parent.parent != root:
            raise ActionError(f"DVC would remove {path}, which is none of its objects here", "`dvc gc --dry` by hand.")
        found.append(path.parent.name + path.name)
    return found


def _owners(workspace: Workspace, hashes: Collection[str]) -> dict[str, str]:
    """Object → run, for every version that the journal or any commit names."""
    versions: dict[str, str] = {}
    for entry in Journal(workspace).entries():
        if entry.verb == "keep" and entry.has("pointer"):
            versions[str(entry.step_data("pointer")["hash"])] = entry.target
    git = git_of(workspace)
    listed = git.answer("log", "--all", "--format=:%H", "--name-only", "--diff-filter=AM", "--relative")
    commit = ""
    for line in filter(None, listed.splitlines()):
        if line.startswith(":"):
            commit = line[1:]
        elif line.endswith(".dvc"):
            versions.setdefault(hash_in(git.at(commit, line)), Path(line).stem)
    owners = {}
    for version, run in versions.items():
        for md5 in (version, *(cached_files(workspace.root, version) or {}).values()):
            if md5 in hashes:
                owners[md5] = run
    return owners


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
