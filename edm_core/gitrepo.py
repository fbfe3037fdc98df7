"""git, as a person would run it: its own command line, logged, in the folder of the workspace."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edm_core.commandlog import run_logged
from edm_core.errors import ActionError, StoreError
from edm_core.workspace import Workspace

# Set by git for its hooks: they would make our git work on another index or repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
# Google's library asks what kind of bucket it is for more than a minute where nothing but plain storage answers, and
# looks for a machine of Google's elsewhere, too.
_GOOGLE = {
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "GCE_METADATA_TIMEOUT": "2", "GCE_METADATA_DETECT_RETRIES": "1",
}  # fmt: skip
_OPERATIONS = {
    "MERGE_HEAD": ("a merge", "git merge --continue"),
    "rebase-merge": ("a rebase", "git rebase --continue"),
    "rebase-apply": ("a rebase", "git rebase --continue"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue"),
    "REVERT_HEAD": ("a revert", "git revert --continue"),
}


def child_env() -> dict[str, str]:
    """The environment for git and DVC: nothing that redirects git, no prompts, no DVC analytics."""
    env = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
    # A run may be called `lr[1e-3]`: its name is no pattern.
    return _GOOGLE | env | {
        "GIT_TERMINAL_PROMPT": "0", "DVC_NO_ANALYTICS": "1", "GIT_EDITOR": "true", "GIT_LITERAL_PATHSPECS": "1"
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the current branch goes: git remote, branch there, and how many commits each side has for itself."""

    remote: str
    branch: str
    ahead: int
    behind: int


class GitRepo:
    """The git repository that `root` lies in; paths are given and returned relative to `root`."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        return run_logged(["git", *args], cwd=self.root, log=self.log, env=child_env())

    def ask(self, *args: str) -> subprocess.CompletedProcess[str]:
        """A question that changes nothing: not written to the log, which is for what was done."""
        try:
            return subprocess.run(
                ["git", "-c", "core.quotePath=false", *args], cwd=self.root,
                env={**child_env(), "GIT_OPTIONAL_LOCKS": "0"},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape", check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise StoreError("git is not installed", "Install git and try again.") from error

    def answer(self, *args: str) -> str:
        """The answer to a question; "" when git has none."""
        done = self.ask(*args)
        return done.stdout.strip() if done.returncode == 0 else ""

    def top(self) -> Path | None:
        found = self.answer("rev-parse", "--show-toplevel")
        return Path(found) if found else None

    def git_dir(self) -> Path:
        found = self.answer("rev-parse", "--absolute-git-dir")
        if not found:
            raise StoreError(f"{self.root} is in no git repository", "git init")
        return Path(found)

    def head(self) -> str:
        """The commit at HEAD; "" before the first one."""
        return self.answer("rev-parse", "--verify", "--quiet", "HEAD")

    def branch(self) -> str:
        """The current branch; "" when HEAD is detached."""
        return self.answer("symbolic-ref", "--quiet", "--short", "HEAD")

    def has_identity(self) -> bool:
        return all(self.ask("var", f"GIT_{who}_IDENT").returncode == 0 for who in ("AUTHOR", "COMMITTER"))

    def operation(self) -> tuple[str, str] | None:
        """A merge, rebase, cherry-pick or revert under way, and the command that goes on with it."""
        folder = self.git_dir()
        return next((said for name, said in _OPERATIONS.items() if (folder / name).exists()), None)

    def ignored(self, path: str) -> str:
        """The rule (`.gitignore:3:/outputs/`) by which git would ignore this path; "" when it would not."""
        done = self.ask("--no-literal-pathspecs", "check-ignore", "--no-index", "-v", "--", path)
        rule = done.stdout.split("\t")[0].strip()
        return "" if done.returncode != 0 or rule.split(":", 2)[-1].startswith("!") else rule

    def tracked(self, path: str) -> bool:
        """Whether the index holds this path."""
        return bool(self.answer("ls-files", "--", path))

    def index_entry(self, path: str) -> str:
        """`mode sha` of a path in the index; "" when it is not there, or in conflict."""
        words = self.answer("ls-files", "--stage", "--", path).partition("\t")[0].split()
        return f"{words[0]} {words[1]}" if len(words) == 3 and words[2] == "0" else ""

    def at(self, revision: str, path: str) -> str | None:
        """The text of a file at a commit; None when it is not there."""
        done = self.ask("show", f"{revision}:./{path}")
        return done.stdout if done.returncode == 0 else None

    def commits_of(self, path: str) -> list[str]:
        """Commits that changed this path, newest first."""
        return self.answer("log", "--format=%H", "--", path).split()

    def upstream(self, branch: str = "") -> Upstream | None:
        """Where a branch (the current one) goes, as of the last fetch; None when it has no upstream."""
        branch = branch or self.branch()
        remote = self.answer("config", f"branch.{branch}.remote")
        merge = self.answer("config", f"branch.{branch}.merge")
        counts = self.answer(
            "rev-list", "--left-right", "--count", f"refs/heads/{branch}...{branch}@{{upstream}}"
        ).split()
        if not (branch and remote and merge) or len(counts) != 2:
            return None
        return Upstream(remote, merge.removeprefix("refs/heads/"), int(counts[0]), int(counts[1]))

    def unpushed_pointers(self, branches: bool) -> list[str]:
        """Every `.dvc` file, as a blob, that commits of HEAD (of all `branches`) brought in and no remote branch holds,
        oldest first; none without a git remote."""
        if not self.remotes():
            return []
        which = [*(["HEAD"] if self.head() else []), *(["--branches"] if branches else [])]
        listed = self.answer(
            "log", "--reverse", "--format=", "--raw", "--no-abbrev", "-m", "--relative", "--diff-filter=AM", *which,
            "--not", "--remotes",
        )  # fmt: skip
        lines = (line.partition("\t") for line in listed.splitlines())
        return list(dict.fromkeys(found.split()[3] for found, _, path in lines if path.rstrip('"').endswith(".dvc")))

    def unpushed_branches(self) -> list[str]:
        """Branches other than the current one with commits that no remote branch holds."""
        names = self.answer("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()
        others = [name for name in names if name != self.branch()]
        return [name for name in others if self.answer("rev-list", "-1", f"refs/heads/{name}", "--not", "--remotes")]

    def commits_ahead(self, path: str) -> bool:
        """Whether an unpushed commit changed this path."""
        if not self.remotes():
            return False
        return bool(self.answer("rev-list", "-1", "HEAD", "--not", "--remotes", "--", path))

    def remotes(self) -> list[str]:
        return self.answer("remote").split()

    def check_can_commit(self) -> None:
        """Raise ActionError when a commit here would fail or go astray, before anything is changed."""
        busy = self.operation()
        if busy:
            raise ActionError(f"{busy[0]} is under way in {self.root}", f"End it first: `{busy[1]}`, or its --abort.")
        if self.head() and not self.branch():
            raise ActionError(
                "HEAD is detached: a commit here would belong to no branch",
                "`git switch main`, or `git switch -c NAME`.",
            )
        if not self.has_identity():
            raise ActionError(
                "git does not know who you are, so it cannot commit",
                'git config user.name "You" && git config user.email you@example.com',
            )

    def commit_only(self, paths: Sequence[str], message: str) -> str:
        """Commit exactly these paths as they are on disk (gone ones as removed), whatever else is staged.

        Returns the commit. On failure (a hook, a signature) the index is as it was and ActionError says what git said.
        """
        added = [path for path in paths if not self.tracked(path) and (self.root / path).exists()]
        if added:
            self._must("add", "--", *added)
        named = [path for path in paths if self.tracked(path)]
        done = self.run("commit", "--quiet", "--only", "-m", message, "--", *named)
        if done.returncode != 0:
            self.restore_index(dict.fromkeys(added, ""))
            raise ActionError(f"git did not commit: {said(done)}", _commit_hint(done))
        return self.head()

    def restore_index(self, entries: Mapping[str, str]) -> None:
        """Bring these paths' index entries back to what `index_entry` said of them."""
        for path, entry in entries.items():
            if self.index_entry(path) == entry:
                continue
            if entry:
                mode, sha = entry.split()
                self._must(
                    "update-index",
                    "--add",
                    "--cacheinfo",
                    f"{mode},{sha},{self.answer('rev-parse', '--show-prefix')}{path}",
                )
            else:
                self._must("rm", "--cached", "--quiet", "--", path)

    def _must(self, *args: str) -> str:
        done = self.run(*args)
        if done.returncode != 0:
            raise ActionError(f"`git {args[0]}` failed: {said(done)}", "Try the command by hand.")
        return done.stdout


def git_of(workspace: Workspace) -> GitRepo:
    return GitRepo(workspace.root, workspace.command_log_path)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """git's own words for what went wrong, on one line."""
    text = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return " / ".join(line.strip() for line in text[-6:] if line.strip()) or f"exit status {done.returncode}"


def _commit_hint(done: subprocess.CompletedProcess[str]) -> str:
    if "tell me who you are" in done.stderr or "identity" in done.stderr:
        return 'git config user.name "You" && git config user.email you@example.com'
    if "index.lock" in done.stderr:
        return "Another git command is at work here, or one was killed: `edm doctor` tells."
    return "A hook of the repository may have refused it; everything is as it was before."
