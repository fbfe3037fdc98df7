"""Whether DVC's index holds every pointer: asked of DVC itself, because its reading of .gitignore is its own."""

import contextlib
import os
from pathlib import Path

from edm_core.dvcrepo import pointers
from edm_core.errors import StoreError


def index_gaps(root: Path) -> list[str]:
    """The `.dvc` files on disk that DVC's index does not hold (relative to `root`): `dvc gc` would delete their data.

    DVC reads .gitignore with an engine of its own; where it disagrees with git, whole folders fall out of the index
    without a word. Raises StoreError when DVC cannot read its repository.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            held = {Path(stage.path).resolve() for stage in repo.index.stages if stage.path}
            top = Path(repo.root_dir)
    except DvcException as error:
        raise StoreError(f"DVC cannot read {root}: {error}", "`dvc status` by hand says more.") from error
    on_disk = {path.resolve() for path in pointers(top)}
    return sorted(os.path.relpath(path, root) for path in on_disk - held)


def ignored_by_dvc(root: Path, relative: str) -> bool:
    """Whether DVC's own reading of .gitignore leaves this path out; a folder's ends with a slash."""
    from dulwich.errors import NotGitRepository
    from dulwich.ignore import IgnoreFilterManager
    from dulwich.repo import Repo

    try:
        with contextlib.closing(Repo.discover(str(root))) as repo:
            inside = os.path.relpath(root / relative, repo.path) + ("/" if relative.endswith("/") else "")
            return bool(IgnoreFilterManager.from_repo(repo).is_ignored(inside))
    except NotGitRepository:
        return False
