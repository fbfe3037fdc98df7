"""What differs in the code of runs: their commits, the files between these, and what was not committed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from edm_core.errors import StoreError
from edm_core.gitrepo import GitRepo, git_of
from edm_core.snapshots.diff import DiffEntry
from edm_core.snapshots.runs import RunRow
from edm_core.stores.runs import folder_of
from edm_core.workspace import Workspace

_PATCH = "uncommitted.patch"


def code_section(workspace: Workspace, rows: Sequence[RunRow]) -> tuple[tuple[DiffEntry, ...], str]:
    """Commit and uncommitted patch of each run; per file that differs, `+added −removed` against the baseline's."""
    commits = [row.git_commit for row in rows]
    if not any(commits):
        return (), "no run says which commit it was trained on"
    found = [
        _entry("commit", [commit[:9] or None for commit in commits]),
        _entry("uncommitted changes", [_patch(folder_of(workspace, row), row) for row in rows]),
    ]
    if len(set(commits)) == 1:
        return tuple(found), ""
    files, note = _files(git_of(workspace), commits)
    return (*found, *files), note


def _entry(key: str, values: list[str | None]) -> DiffEntry:
    return DiffEntry(key, tuple(values), same=len(set(values)) == 1)


def _patch(folder: Path | None, row: RunRow) -> str | None:
    """`none`, or a patch by its size and the beginning of its SHA-256, so that equal patches compare equal."""
    dirty = row.tags.get("edm.git_dirty")
    try:
        data = (folder / _PATCH).read_bytes() if folder is not None else b""
    except OSError:
        data = b""
    if data:
        lines = data.count(b"\n")
        return f"{lines} lines ({hashlib.sha256(data).hexdigest()[:8]})"
    return {"true": "yes, not saved here", "false": "none"}.get(dirty or "")


def _files(git: GitRepo, commits: Sequence[str]) -> tuple[list[DiffEntry], str]:
    table: dict[str, list[str | None]] = {}
    notes = []
    base = commits[0]
    for index, commit in enumerate(commits):
        if index == 0 or commit == base:
            continue
        if not base or not commit:
            notes.append("a run has no commit")
            continue
        try:
            changed = files_between(git, base, commit)
        except StoreError as error:
            notes.append(error.message)
            continue
        for path, text in changed.items():
            table.setdefault(path, [None] * len(commits))[index] = text
    return [DiffEntry(path, tuple(values)) for path, values in sorted(table.items())], "; ".join(dict.fromkeys(notes))


_between: dict[tuple[Path, str, str], dict[str, str]] = {}
"""What git said of two commits, which never changes: a screen that loads again must not fill the command log."""


def files_between(git: GitRepo, base: str, commit: str) -> dict[str, str]:
    """Path → `+added −removed` of each file that differs. Raises StoreError where git cannot tell."""
    known = _between.get((git.root, base, commit))
    if known is not None:
        return known
    for one in (base, commit):
        # Beginning with "-" it would be an option: the tag may hold anything.
        if one.startswith("-") or git.ask("cat-file", "-e", f"{one}^{{commit}}").returncode != 0:
            raise StoreError(f"commit {one[:9]} is not in this clone", "`git fetch --all` may bring it.")
    done = git.run("diff", "--numstat", "-z", "--no-renames", base, commit, "--")
    if done.returncode != 0:
        raise StoreError(f"git diff {base[:9]} {commit[:9]} failed: {done.stderr.strip()[:200]}")
    found = {}
    for line in filter(None, done.stdout.split("\0")):
        added, removed, path = line.split("\t", 2)
        found[path] = "binary" if added == "-" else f"+{added} −{removed}"
    _between[git.root, base, commit] = found
    return found
