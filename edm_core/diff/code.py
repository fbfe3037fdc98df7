"""What differs in the code of runs: their commits, the source files between these, and what was not committed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from edm_core.errors import StoreError
from edm_core.gitrepo import GitRepo, git_of
from edm_core.snapshots.diff import DiffEntry
from edm_core.snapshots.runs import RunRow
from edm_core.stores.run_files import RunFiles
from edm_core.workspace import Workspace

UNCOMMITTED = "uncommitted changes"
_PATCH = "uncommitted.patch"


def code_section(workspace: Workspace, files: RunFiles, rows: Sequence[RunRow]) -> tuple[tuple[DiffEntry, ...], str]:
    """Commit and uncommitted patch of each run; per source file that differs, `+added −removed` against the
    baseline's commit."""
    commits = [row.git_commit for row in rows]
    if not any(commits):
        return (), "no run says which commit it was trained on"
    found = [
        _entry("commit", [commit[:9] or None for commit in commits]),
        _entry(UNCOMMITTED, [_patch_word(files, row) for row in rows]),
    ]
    if len(set(commits)) == 1:
        return tuple(found), ""
    changed, note = _files(workspace, commits)
    return (*found, *changed), note


def uncommitted(files: RunFiles, row: RunRow) -> str:
    """The patch that training saved of a run's uncommitted changes; "" where there is none."""
    if row.tags.get("edm.git_dirty") == "false":
        return ""
    try:
        return files.read(row, _PATCH).decode("utf-8", "replace")
    except StoreError:
        # Not every run that was dirty saved its patch; the section says which did not.
        return ""


def patches(workspace: Workspace, rows: Sequence[RunRow]) -> list[tuple[str, str]]:
    """(title, patch): of the source between the baseline's commit and each other run's, then what each run had not
    committed. Raises StoreError where a commit is not in this clone."""
    found = []
    git, base, runs_dir = git_of(workspace), rows[0].git_commit, workspace.settings.runs.dir
    for row in rows[1:]:
        changed = files_between(git, base, row.git_commit) if row.git_commit != base else {}
        for path in sorted(path for path, text in changed.items() if is_source(path, text, runs_dir)):
            found.append((f"{rows[0].name} → {row.name}: {path}", _one_patch(git, base, row.git_commit, path)))
    files = RunFiles(workspace)
    return found + [(f"{row.name}: {UNCOMMITTED}", text) for row in rows if (text := uncommitted(files, row))]


def file_patches(workspace: Workspace, rows: Sequence[RunRow], path: str) -> list[str]:
    """For each run the patch of one source file from the baseline's commit to its own; "" where it is the same.

    Raises StoreError where a commit is not in this clone.
    """
    git = git_of(workspace)
    base = rows[0].git_commit
    return ["", *(_one_patch(git, base, row.git_commit, path) for row in rows[1:])]


def _one_patch(git: GitRepo, base: str, commit: str, path: str) -> str:
    if commit == base:
        return ""
    _check_known(git, base, commit)
    top = git.top() or git.root
    done = git.ask("-C", str(top), "diff", "--no-renames", "--no-color", "--no-ext-diff", base, commit, "--", path)
    if done.returncode != 0:
        raise StoreError(f"git diff of {path} failed: {done.stderr.strip()[:200]}")
    return done.stdout


def _entry(key: str, values: list[str | None]) -> DiffEntry:
    return DiffEntry(key, tuple(values), same=len(set(values)) == 1)


def _patch_word(files: RunFiles, row: RunRow) -> str | None:
    """`none`, or a patch by its size and the beginning of its SHA-256, so that equal patches compare equal."""
    patch = uncommitted(files, row)
    if patch:
        lines = patch.count("\n")
        return f"{lines} lines ({hashlib.sha256(patch.encode()).hexdigest()[:8]})"
    return {"true": "yes, not saved here", "false": "none"}.get(row.tags.get("edm.git_dirty", ""))


def _files(workspace: Workspace, commits: Sequence[str]) -> tuple[list[DiffEntry], str]:
    git, runs_dir = git_of(workspace), workspace.settings.runs.dir
    table: dict[str, list[str | None]] = {}
    notes: list[str] = []
    others: set[str] = set()
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
            if is_source(path, text, runs_dir):
                table.setdefault(path, [None] * len(commits))[index] = text
            else:
                others.add(path)
    if others:
        notes.append(f"{len(others)} more that are no source: DVC pointers, run folders, binary files")
    return [DiffEntry(path, tuple(values)) for path, values in sorted(table.items())], "; ".join(dict.fromkeys(notes))


def is_source(path: str, text: str, runs_dir: str) -> bool:
    """Whether a changed file is source: text, no DVC pointer, and not in a run folder or DVC's own."""
    inside = f"/{path}"
    return not (text == "binary" or path.endswith(".dvc") or f"/{runs_dir}/" in inside or "/.dvc/" in inside)


_between: dict[tuple[Path, str, str], dict[str, str]] = {}
"""What git said of two commits, which never changes: a screen that loads again must not fill the command log."""


def _check_known(git: GitRepo, *commits: str) -> None:
    for one in commits:
        # Beginning with "-" it would be an option: the tag may hold anything.
        if not one or one.startswith("-") or git.ask("cat-file", "-e", f"{one}^{{commit}}").returncode != 0:
            raise StoreError(f"commit {one[:9]} is not in this clone", "`git fetch --all` may bring it.")


def files_between(git: GitRepo, base: str, commit: str) -> dict[str, str]:
    """Path → `+added −removed` of each file that differs. Raises StoreError where git cannot tell."""
    known = _between.get((git.root, base, commit))
    if known is not None:
        return known
    _check_known(git, base, commit)
    done = git.run("diff", "--numstat", "-z", "--no-renames", base, commit, "--")
    if done.returncode != 0:
        raise StoreError(f"git diff {base[:9]} {commit[:9]} failed: {done.stderr.strip()[:200]}")
    found = {}
    for line in filter(None, done.stdout.split("\0")):
        added, removed, path = line.split("\t", 2)
        found[path] = "binary" if added == "-" else f"+{added} −{removed}"
    _between[git.root, base, commit] = found
    return found
