"""Which version of the data set is tracked, and whether the files here are that version. DVC is not imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edm_core.data.hashes import directory_md5, folder_hashes
from edm_core.errors import DataError, StoreError
from edm_core.stores.dvc_pointer import Pointer, cached_files, read_pointer

State = Literal["same", "differs", "missing", "untracked"]


@dataclass(frozen=True)
class DataSetState:
    """The data set here beside the one that data.dvc names.

    `version` is the hash in data.dvc, `here` that of the files here (None where there are none). `changed`, `added`
    and `deleted` count files; None where DVC's cache does not hold the list to compare with.
    """

    state: State
    version: str | None
    here: str | None
    files: int
    tracked_files: int | None
    changed: int | None = None
    added: int | None = None
    deleted: int | None = None

    @property
    def sentence(self) -> str:
        """The state in words."""
        if self.state == "same":
            return f"the data here are what data.dvc says ({self.files} files)"
        if self.state == "missing":
            return "the data that data.dvc names are not here"
        if self.state == "untracked":
            return f"{self.files} files here that no data.dvc tracks" if self.files else "no data set here"
        if self.changed is None:
            return f"the data here differ from what data.dvc says ({self.files} files, {self.tracked_files} tracked)"
        return (
            "the data here differ from what data.dvc says: "
            f"{self.changed} changed, {self.added} added, {self.deleted} deleted"
        )


def data_version(root: Path) -> str | None:
    """The hash that `root`/data.dvc names, or None where there is no data.dvc. Raises `DataError`."""
    found = _tracked(root)
    return None if found is None else found.hash


def data_state(root: Path, cache_dir: Path | None = None) -> DataSetState:
    """Compare `root`/data with `root`/data.dvc by content. `cache_dir` (default `root`/.edm/cache) remembers hashes.

    Raises `DataError` where data.dvc or a file cannot be read.
    """
    tracked = _tracked(root)
    folder = root / "data"
    hashes = folder_hashes(folder, cache_dir or root / ".edm" / "cache") if folder.is_dir() else {}
    here = directory_md5(hashes) if hashes else None
    if tracked is None:
        return DataSetState("untracked", None, here, len(hashes), None)
    if here is None:
        return DataSetState("missing", tracked.hash, None, 0, tracked.nfiles)
    if here == tracked.hash:
        return DataSetState("same", tracked.hash, here, len(hashes), tracked.nfiles)
    listed = cached_files(root, tracked.hash)
    if listed is None:
        return DataSetState("differs", tracked.hash, here, len(hashes), tracked.nfiles)
    changed = sum(1 for name in hashes.keys() & listed.keys() if hashes[name] != listed[name])
    added, deleted = len(hashes.keys() - listed.keys()), len(listed.keys() - hashes.keys())
    return DataSetState("differs", tracked.hash, here, len(hashes), tracked.nfiles, changed, added, deleted)


def _tracked(root: Path) -> Pointer | None:
    path = root / "data.dvc"
    try:
        return read_pointer(path)
    except FileNotFoundError:
        return None
    except StoreError as error:
        raise DataError(error.message, "`git checkout data.dvc` restores the committed one") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "check its permissions") from error
