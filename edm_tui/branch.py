"""The git branch in the status line: its name from git's files, so that the first frame starts no process."""

import os
from pathlib import Path


def branch_name(root: Path) -> str:
    """The branch checked out at `root`, the beginning of a commit id where there is none, "" outside of git."""
    try:
        head = (git_dir(root) / "HEAD").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else head[:8]


def git_dir(root: Path) -> Path:
    """The repository's folder: `.git`, or where a worktree's `.git` file points."""
    dot = next((folder / ".git" for folder in (root, *root.parents) if (folder / ".git").exists()), root / ".git")
    if dot.is_file():
        return dot.parent / dot.read_text(encoding="utf-8", errors="replace").strip().removeprefix("gitdir: ")
    return dot


def refs_stamp(root: Path) -> tuple[int, ...]:
    """Another value as soon as HEAD, a commit or a fetch moved a reference; a few stat calls."""
    folder = git_dir(root)
    watched = [folder / "HEAD", folder / "packed-refs", folder / "FETCH_HEAD", folder / "logs" / "HEAD"]
    remotes = folder / "refs" / "remotes"
    watched += list(remotes.glob("*/*")) if remotes.is_dir() else []
    stamps = []
    for path in watched:
        try:
            stamps.append(os.stat(path).st_mtime_ns)  # noqa: PTH116 (half the cost of Path.stat in a poll)
        except OSError:
            stamps.append(0)
    return tuple(stamps)
