"""The git half of push and pull: the current branch, forward only."""

import subprocess

from edm_core.errors import ActionError
from edm_core.gitrepo import GitRepo, said
from edm_core.lock import Say


def push_branch(git: GitRepo, say: Say) -> tuple[str, bool]:
    """Push the current branch where a git remote exists; (what to tell, whether something was pushed).

    Raises ActionError when git refuses; the data stay pushed.
    """
    branch = git.branch()
    if not git.remotes():
        return "no git remote, so no commit was pushed", False
    if not branch:
        return "HEAD is detached, so no commit was pushed: `git switch -c NAME` puts them on a branch", False
    done, where = _push(git, branch, say)
    if done is None:
        return f"git: {branch} has nothing to push", False
    if done.returncode != 0:
        raise ActionError(f"the data are pushed, but git refused the commits: {said(done)}", _push_hint(done))
    return f"git: pushed {branch} to {where}", True


def push_others(git: GitRepo, say: Say) -> str:
    """Push every other branch that has commits which are only here; what to tell.

    Raises ActionError that names those which git refuses, when all were tried.
    """
    pushed, refused, hint = [], [], ""
    for branch in git.unpushed_branches() if git.remotes() else ():
        done, where = _push(git, branch, say)
        if done is not None and done.returncode != 0:
            refused.append(f"{branch}: {said(done)}")
            hint = hint or _push_hint(done)
        else:
            pushed.append(f"{branch} to {where}")
    if refused:
        raise ActionError(f"the data are pushed, but git refused {'; '.join(refused)}", hint)
    return f"git: pushed {', '.join(pushed)}" if pushed else ""


def _push(git: GitRepo, branch: str, say: Say) -> tuple[subprocess.CompletedProcess[str] | None, str]:
    """(git's answer, None where the branch has nothing to push; where it goes)."""
    upstream = git.upstream(branch)
    if upstream is not None and upstream.remote == ".":
        # It follows a branch of this repository, which is no place to push to.
        upstream = None
    if upstream is not None and upstream.ahead == 0:
        return None, f"{upstream.remote}/{upstream.branch}"
    if upstream is not None:
        args = ["push", upstream.remote, f"refs/heads/{branch}:refs/heads/{upstream.branch}"]
        where = f"{upstream.remote}/{upstream.branch}"
    else:
        remotes = git.remotes()
        remote = "origin" if "origin" in remotes else remotes[0]
        args, where = ["push", "--set-upstream", remote, branch], f"{remote}/{branch}"
    say(f"git push to {where}")
    return git.run(*args), where


def _push_hint(done: subprocess.CompletedProcess[str]) -> str:
    if "fetch first" in done.stderr or "non-fast-forward" in done.stderr or "behind" in done.stderr:
        return "Others pushed meanwhile: `git pull --rebase`, then `edm push` again."
    if "could not read" in done.stderr.lower() or "denied" in done.stderr.lower():
        return "git could not log in to the remote: check credentials with `git push` by hand."
    return "Try `git push` by hand; then `edm push` says whether all is there."


def pull_branch(git: GitRepo, say: Say) -> str:
    """`git pull --ff-only` of the current branch. Raises ActionError where git refuses, with nothing changed."""
    upstream = git.upstream()
    if upstream is None:
        return "git: the branch has no upstream, so no commit was pulled"
    say(f"git pull from {upstream.remote}/{upstream.branch}")
    before = git.head()
    done = git.run("pull", "--ff-only", "--quiet")
    if done.returncode != 0:
        raise ActionError(f"git did not pull: {said(done)}", _pull_hint(done))
    count = git.answer("rev-list", "--count", f"{before}..HEAD") if before else "0"
    return f"git: {count} new commits" if count not in ("", "0") else "git: up to date"


def _pull_hint(done: subprocess.CompletedProcess[str]) -> str:
    text = done.stderr.lower()
    if "fast-forward" in text or "divergent" in text or "diverg" in text:
        return "Both sides have commits of their own: `git pull --rebase`, then `edm pull` again."
    if "overwritten" in text or "commit your changes" in text:
        return "Local changes are in the way: commit them or `git stash`, then `edm pull` again."
    return "Try `git pull --ff-only` by hand."
