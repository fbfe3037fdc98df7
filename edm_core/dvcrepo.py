"""DVC, as a person would run it: its own command line, logged, in the folder of the workspace.

Nothing here imports DVC.
"""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from edm_core.commandlog import run_logged
from edm_core.errors import ActionError, StoreError
from edm_core.gitrepo import child_env
from edm_core.lock import WAITING, Say, describe_holder, quiet
from edm_core.stores.dvc_config import dvc_config, dvc_folder
from edm_core.workspace import Workspace


class DvcRepo:
    """The DVC repository of a workspace; targets are relative to the workspace."""

    def __init__(self, workspace: Workspace, say: Say = quiet) -> None:
        self.root = workspace.root
        self.log = workspace.command_log_path
        self.say = say

    def folder(self) -> Path | None:
        """The `.dvc` folder that governs the workspace; None when there is none."""
        return dvc_folder(self.root)

    def require(self) -> Path:
        folder = self.folder()
        if folder is None:
            raise StoreError(f"{self.root} has no DVC repository", "`edm init` makes one (`dvc init`).")
        return folder

    def run(self, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `dvc ARGS`; when another process holds DVC's lock, say which, and wait."""
        self.tell_holder()
        # -P: a folder named dvc or a json.py in the workspace must not be taken for the library's.
        argv = [sys.executable, "-P", "-m", "dvc", "--wait-for-lock", *args]
        return run_logged(argv, cwd=cwd or self.root, log=self.log, env=child_env())

    def must(self, *args: str, hint: str = "") -> str:
        """Run `dvc ARGS` and return its output; ActionError with DVC's own words when it fails."""
        done = self.run(*args)
        if done.returncode != 0:
            raise ActionError(f"`dvc {args[0]}` failed: {said(done)}", hint or _hint(done))
        return done.stdout

    def tell_holder(self) -> None:
        """Say who holds DVC's lock, if anybody does: whatever wants it now waits."""
        holder = self.lock_holder()
        if holder:
            self.say(f"{WAITING}DVC's lock: {holder}")

    def lock_holder(self) -> str:
        """Who holds DVC's lock now, by pid, command and age; "" when it is free."""
        folder = self.folder()
        if folder is None:
            return ""
        path = folder / "tmp" / "lock"
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            return ""
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(handle, 64, 0).decode(errors="replace").split()
            pid = int(text[0]) if text and text[0].isdigit() else 0
            age = time.time() - os.fstat(handle).st_mtime
            return describe_holder(pid, "", age) if pid else "another DVC process"
        finally:
            os.close(handle)
        return ""

    def default_remote(self) -> tuple[str, str] | None:
        """Name and address of the default remote, by DVC's configuration; None without one."""
        config = dvc_config(self.root)
        name = config.get("core", "remote") if config.folder else ""
        return (name, config.get(f'remote "{name}"', "url")) if name else None

    def require_remote(self) -> tuple[str, str]:
        """As `default_remote`. Raises ActionError without one, or where no remote has its name."""
        self.require()
        found = self.default_remote()
        if found is None:
            raise ActionError(
                "DVC has no default remote to push to or pull from",
                "dvc remote add -d NAME ADDRESS   (a folder, s3://…, gs://…, ssh://…)",
            )
        if not found[1]:
            raise ActionError(
                f"DVC's default remote {found[0]!r} is not in its configuration",
                "`dvc remote list` shows those that are; `dvc remote default NAME` chooses one.",
            )
        return found


def pointers(root: Path) -> list[Path]:
    """Every `.dvc` file below `root`, `.git`, `.dvc` and `.edm` apart; other git repositories are not entered."""
    found: list[Path] = []
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = [n for n in names if n not in (".git", ".dvc", ".edm", ".venv") and not (here / n / ".git").exists()]
        found += [here / name for name in files if name.endswith(".dvc")]
    return sorted(found)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """DVC's own words for what went wrong."""
    lines = [line.removeprefix("ERROR:").strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return " / ".join(errors[:3] or lines[-3:]) or f"exit status {done.returncode}"


def _hint(done: subprocess.CompletedProcess[str]) -> str:
    text = done.stderr
    if "git-ignored" in text:
        return (
            "A rule in .gitignore hides the pointer from DVC: `edm init` writes rules that git and DVC both understand."
        )
    if "already tracked by SCM" in text:
        return "The folder is in git already: `git rm -r --cached FOLDER`, commit, and try again."
    if "No space left" in text:
        return "The disk is full: `edm storage status` tells what could go."
    return "`edm doctor` looks for the cause; `dvc` by hand says more."
