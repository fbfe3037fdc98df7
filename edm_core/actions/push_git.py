"""The git half of push and pull: the current branch, forward only."""

import subprocess

from edm_core.errors import ActionError
from edm_core.gitrepo import GitRepo, said
from edm_core.lock import Say


def push_branch(git: GitRepo, say: Say) -> tuple[str, bool]:
    """Push the current branch where a git remote exists; (what to tell, whether something was pushed).

    Raises ActionError when git refuses; the data stay pushed.
    """
    branch, remotes = git.branch(), git.remotes()
    if not remotes:
        return "no git remote, so no commit was pushed", False
    if not branch:
        return "HEAD is detached, so no commit was pushed", False
    upstream = git.upstream()
    if upstream is not None and upstream.ahead == 0:
        return f"git: {branch} has nothing to push", False
    if upstream is not None:
        args = ["push", upstream.remote, f"HEAD:refs/heads/{upstream.branch}"]
        where = f"{upstream.remote}/{upstream.branch}"
    else:
        remote = "origin" if "origin" in remotes else remotes[0]
        args, where = ["push", "--set-upstream", remote, branch], f"{remote}/{branch}"
    say(f"git push to {where}")
    done = git.run(*args)
    if done.returncode != 0:
        raise ActionError(f"the data are pushed, but git refused the commits: {said(done)}", _push_hint(done))
    return f"git: pushed {branch} to {where}", True


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
