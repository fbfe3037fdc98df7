"""Where and from what a run was made: code, machine, packages. Enough to make it again."""

import getpass
import platform
from fnmatch import fnmatch
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from edm_core.errors import StoreError
from edm_core.files import write_atomic, write_json
from edm_core.gitrepo import GitRepo
from edm_core.processes import own_mark
from edm_core.workspace import Workspace

PATCH_LIMIT = 2_000_000
"""Characters of uncommitted changes that are kept; more is data, not code."""
SECRET_NAMES = (".env", ".env.*", "*.env", "*.pem", "*.key", "*secret*", "*credential*", "*token*", "config.local")
"""Files whose changes never go into the patch."""


def git_state(workspace: Workspace) -> tuple[str, bool]:
    """(commit, whether tracked files differ from it); ("", False) outside git or before the first commit."""
    repo = _repo(workspace)
    commit = repo.head()
    return commit, bool(commit and repo.answer("status", "--porcelain", "--untracked-files=no"))


def _repo(workspace: Workspace) -> GitRepo:
    return GitRepo(workspace.root, workspace.command_log_path)


def process_tags() -> dict[str, str]:
    """The process that trains, so that another can tell later whether it still lives."""
    mark = own_mark()
    return {
        "edm.pid": str(mark.pid),
        "edm.pid_start": f"{mark.start:.2f}",
        "edm.boot_id": mark.boot_id,
        "edm.host": mark.host,
    }


def user_name() -> str:
    """Who trains; "unknown" where the system has no name for the user id."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def describe_environment(device: str, threads: int) -> dict[str, Any]:
    """Python, machine and packages with their versions."""
    packages = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "device": device,
        "threads": threads,
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def save_environment(folder: Path, workspace: Workspace, device: str, threads: int) -> None:
    """Write environment.json, and uncommitted.patch where tracked files differ from the commit."""
    write_json(folder / "environment.json", describe_environment(device, threads))
    patch = uncommitted_patch(workspace)
    if patch:
        write_atomic(folder / "uncommitted.patch", patch.encode("utf-8", "surrogateescape"))


def uncommitted_patch(workspace: Workspace) -> str:
    """`git diff HEAD` without files that may hold secrets; a note where it is too long; "" outside git."""
    repo = _repo(workspace)
    names = [name for name in repo.answer("diff", "HEAD", "--name-only", "-z").split("\0") if name]
    wanted = [name for name in names if not _may_be_secret(name)]
    if not wanted:
        return ""
    # The names are relative to the top of the repository, which may lie above the workspace.
    done = repo.ask("-C", str(repo.top() or repo.root), "diff", "HEAD", "--", *wanted)
    if done.returncode:
        raise StoreError(f"git diff HEAD failed: {done.stderr.strip()}", "`git status` says what is wrong.")
    patch = done.stdout
    left_out = len(names) - len(wanted)
    if len(patch) > PATCH_LIMIT:
        return f"# {len(patch)} characters of changes in {len(wanted)} files: too long to keep here.\n"
    return (f"# {left_out} files that may hold secrets are left out.\n" if left_out else "") + patch


def _may_be_secret(name: str) -> bool:
    return any(fnmatch(part.lower(), pattern) for part in Path(name).parts for pattern in SECRET_NAMES)
