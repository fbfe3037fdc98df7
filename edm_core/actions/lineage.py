"""From a model version to run, commit, data version and checkpoint, and from each of these back."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edm_core.errors import EdmError, NotFoundError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import RunRow
from edm_core.stores.dvc_pointer import cached_files
from edm_core.stores.models import list_versions
from edm_core.stores.runs import find_run, load_runs
from edm_core.workspace import Workspace

_SHORTEST = 5
"""Characters of a hash that are enough to be taken for one."""
BEST = "checkpoints/best.pt"


@dataclass(frozen=True, slots=True)
class Link:
    """One chain: version (NAME/V, "" where the run is not registered), run, commit, data, checkpoint, kept version."""

    version: str
    stage: str
    run: str
    run_id: str
    commit: str
    dirty: bool
    """Whether the code had uncommitted changes."""
    data_version: str
    checkpoint: str
    """md5 of best.pt: as it was registered, else as it was kept, else as it lies in the folder."""
    kept: str

    @property
    def hashes(self) -> tuple[str, ...]:
        return self.run_id, self.commit, self.data_version, self.checkpoint, self.kept


def lineage_of(workspace: Workspace, what: str) -> list[Link]:
    """The chains that hold what was asked for, registered ones first. Raises NotFoundError when none does."""
    versions = list(list_versions(workspace))
    found = [_of_version(version) for version in versions if _names(version, what)]
    if not found:
        run = _run_named(workspace, what)
        # A single run's best.pt may be read to know its hash; all of them may not.
        links = _all(workspace, versions, run)
        wanted = _md5(Path(what)) if Path(what).is_file() else what
        found = [link for link in links if _is_of(link, run) or _holds(link, wanted)]
    if not found:
        raise NotFoundError(
            f"{what!r} is no version, run, commit, data version or checkpoint that is known here",
            "`edm models list` and `edm runs list` show what there is.",
        )
    return sorted(found, key=lambda link: (not link.version, link.version, link.run))


def _names(version: ModelVersion, what: str) -> bool:
    return what in (f"{version.name}/{version.version}", str(version.version), f"v{version.version}")


def _is_of(link: Link, run: RunRow | None) -> bool:
    return run is not None and (link.run_id == run.run_id if run.run_id else link.run == run.name)


def _holds(link: Link, wanted: str) -> bool:
    return len(wanted) >= _SHORTEST and any(value.startswith(wanted) for value in link.hashes)


def _run_named(workspace: Workspace, what: str) -> RunRow | None:
    try:
        return find_run(workspace, what)
    except NotFoundError:
        return None


def _all(workspace: Workspace, versions: list[ModelVersion], named: RunRow | None) -> Iterator[Link]:
    yield from (_of_version(version) for version in versions)
    registered = {version.run_id for version in versions}
    rows = [named] if named is not None else load_runs(workspace).rows
    yield from (_of_run(workspace, row, read=named is not None) for row in rows if row.run_id not in registered)


def _of_version(version: ModelVersion) -> Link:
    tags = version.tags
    return Link(
        f"{version.name}/{version.version}", "" if version.stage == "None" else version.stage,
        tags.get("edm.run_name", ""), version.run_id, tags.get("mlflow.source.git.commit", ""),
        tags.get("edm.git_dirty") == "true", tags.get("edm.data_version", ""), tags.get("edm.checkpoint_md5", ""),
        tags.get("edm.kept", ""),
    )  # fmt: skip


def _of_run(workspace: Workspace, row: RunRow, *, read: bool) -> Link:
    kept = row.tags.get("edm.kept", "")
    checkpoint = (cached_files(workspace.root, kept) or {}).get(BEST, "") if kept else ""
    path = workspace.root / row.run_dir / BEST
    if not checkpoint and read and row.run_dir and path.is_file():
        checkpoint = _md5(path)
    return Link(
        "", "", row.name, row.run_id, row.git_commit, row.tags.get("edm.git_dirty") == "true",
        row.tags.get("edm.data_version", ""), checkpoint, kept,
    )  # fmt: skip


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise EdmError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
