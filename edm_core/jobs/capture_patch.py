"""The uncommitted changes that a job was started with, new files included and files of secrets left out."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edm_core.commandlog import record_command

PATCH_LIMIT = 5_000_000
"""Bytes of uncommitted changes that are kept; what is beyond is cut off, and said so."""
NEW_FILE_LIMIT = 1_000_000
"""Larger new files are named, not kept."""
SECRETS = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", ".netrc", ".pypirc",
    ".npmrc", ".git-credentials", "*credentials*", "*secret*", "kaggle.json",
)  # fmt: skip
"""Names of files that are likely to hold passwords and keys."""
_TIMEOUT = 20.0
_DIFF = ("git", "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv")
_WITHOUT = tuple(f":(top,exclude,glob,icase)**/{pattern}" for pattern in SECRETS)
# What is no source, where the repository does not ignore it.
_OURS = tuple(f":(top,exclude,glob)**/{name}" for name in (".edm/**", "mlflow.db*", "mlruns/**", "mlartifacts/**"))
_NAMED = 100


@dataclass(frozen=True, slots=True)
class Patch:
    """What was written: its size before it was cut, and files that it leaves out (some of them, by name)."""

    size: int
    cut: bool
    left_out: tuple[str, ...] = ()


def write_patch(path: Path, cwd: Path, log: Path) -> Patch:
    """Write the uncommitted changes of the repository around `cwd` to `path`. They never pass through memory.

    Git sees new files in an index of our own, so that the user's stays as it is.
    """
    top = Path(_git(cwd, "rev-parse", "--show-toplevel").strip() or cwd)
    small, left_out = _new_files(top)
    index = path.with_name(".index")
    env = {**os.environ, "GIT_INDEX_FILE": str(index), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        own = top / _git(top, "rev-parse", "--git-path", "index").strip()
        if own.is_file():
            shutil.copyfile(own, index)
        if small:
            names = "\0".join(small).encode()
            _run(("git", "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"), top, env, names)
        return Patch(*_diff(path, top, env, log), left_out)
    finally:
        index.unlink(missing_ok=True)
        index.with_name(f"{index.name}.lock").unlink(missing_ok=True)


def _new_files(top: Path) -> tuple[list[str], tuple[str, ...]]:
    """Files that git does not know and does not ignore: those to keep, and those that are too large or secret."""
    every = _listed(top)
    harmless = _listed(top, *_WITHOUT)
    small = [name for name in harmless if _size(top / name) <= NEW_FILE_LIMIT]
    kept = set(small)
    return small, tuple(name for name in every if name not in kept)[:_NAMED]


def _listed(top: Path, *without: str) -> list[str]:
    out = _git(top, "ls-files", "--others", "--exclude-standard", "-z", "--", ":/", *_OURS, *without)
    return [name for name in out.split("\0") if name]


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return NEW_FILE_LIMIT + 1


def _diff(path: Path, top: Path, env: Mapping[str, str], log: Path) -> tuple[int, bool]:
    started = time.time()
    words = (*_DIFF, "--", ":/", *_WITHOUT)
    with path.open("wb") as file:
        try:
            code = subprocess.run(
                words, cwd=top, env=dict(env), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = -1
        size = file.seek(0, os.SEEK_END)
        if size > PATCH_LIMIT:
            file.truncate(PATCH_LIMIT)
    record_command(log, _DIFF, top, started, code)
    if not size:
        path.unlink()
    return size, size > PATCH_LIMIT or code < 0


def _git(cwd: Path, *words: str) -> str:
    return _run(("git", *words), cwd, os.environ).decode(errors="surrogateescape")


def _run(words: tuple[str, ...], cwd: Path, env: Mapping[str, str], stdin: bytes = b"") -> bytes:
    """Its output; nothing where it fails or takes too long: a job starts also where git is out of order."""
    try:
        done = subprocess.run(
            words, cwd=cwd, env=dict(env), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
