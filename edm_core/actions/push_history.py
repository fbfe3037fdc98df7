"""Which versions go to the remote, and whether they have arrived, object by object."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence

from edm_core.actions.keep_files import hash_in
from edm_core.actions.objects_child import Report
from edm_core.actions.remote_probe import HINTS, REASONS, diagnose
from edm_core.actions.transfer import Transfer
from edm_core.commandlog import run_streamed
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.gitrepo import child_env, git_of
from edm_core.stores.pushed import forget_pushed, pushed_remotes, remember_pushed
from edm_core.workspace import Workspace

_PROGRESS = '{"progress"'
_GOES_ON = "What has arrived stays; the same command goes on from there."


def older_versions(workspace: Workspace, *, branches: bool = False) -> list[str]:
    """Hashes named by pointers in unpushed commits (of all `branches`) that no pointer on disk names, and that nobody
    verified yet."""
    git = git_of(workspace)
    on_disk = {hash_in(path.read_text(encoding="utf-8")) for path in workspace.runs_dir.glob("*.dvc")}
    found = dict.fromkeys(hash_in(git.answer("cat-file", "blob", blob)) for blob in git.unpushed_pointers(branches))
    return [h for h in found if h and h not in on_disk and not pushed_remotes(workspace, h)]


def send(workspace: Workspace, names: Mapping[str, str], remote: str, job: Transfer) -> Report:
    """Send what the remote lacks of these versions (hash → name), files before lists, and see all of it there."""
    command = ["dvc", "push", "-r", remote, "--", *names.values()]
    return _remembered(workspace, names, ask(workspace, "send", names, remote, command, job), remote)


def fetch(workspace: Workspace, names: Mapping[str, str], remote: str, job: Transfer) -> Report:
    """Fetch into the cache what it lacks of these versions (hash → pointer); remember what the remote holds whole."""
    return ask(workspace, "fetch", names, remote, ["dvc", "fetch", "-r", remote, "--", *names.values()], job)


def check(workspace: Workspace, hashes: Sequence[str], remote: str) -> Report:
    """See which of these versions the remote holds whole, and remember them."""
    command = ["dvc", "status", "--cloud", "-r", remote]
    return _remembered(workspace, hashes, ask(workspace, "check", hashes, remote, command), remote)


def on_remote(workspace: Workspace, objects: Sequence[str], remote: str) -> set[str]:
    """Those of these single objects that the remote holds. Raises ActionError when it cannot be asked."""
    return set(ask(workspace, "single", objects, remote, ["dvc", "status", "--cloud", "-r", remote]).seen)


def _remembered(workspace: Workspace, asked: Collection[str], report: Report, remote: str) -> Report:
    """What was seen, and what is not there any more though it was seen before."""
    for value in report.seen:
        remember_pushed(workspace, value, remote)
    for value in set(asked) - set(report.seen):
        forget_pushed(workspace, value, remote)
    return report


def ask(
    workspace: Workspace, mode: str, hashes: Collection[str], remote: str, stands_for: Sequence[str],
    job: Transfer | None = None,
) -> Report:  # fmt: skip
    """What objects_child reports. Raises ActionError, with what is wrong, when the remote cannot be asked."""
    if not hashes:
        return Report()
    DvcRepo(workspace).require()
    script = [sys.executable, "-P", "-m", "edm_core.actions.objects_child", mode, remote]
    last = ""

    def hear(line: str) -> None:
        nonlocal last
        if line.startswith(_PROGRESS) and job is not None:
            job.data(*json.loads(line)["progress"])
        elif line.startswith("{"):
            last = line

    # Hashes go through stdin: thousands of them do not fit on a command line.
    done = run_streamed(
        script, cwd=workspace.root, log=workspace.command_log_path, env=child_env(), stdin="\n".join(hashes),
        on_line=hear, stands_for=stands_for,
    )  # fmt: skip
    if done.returncode != 0 or not last:
        reason, message = diagnose(done.stderr)
        raise ActionError(f"the remote {remote}: {REASONS[reason]}: {message}", f"{HINTS[reason]} {_GOES_ON}")
    return Report(**json.loads(last))


def explained(report: Report, remote: str) -> ActionError:
    """Why not everything arrived, in the words of the remote's library."""
    reason, message = diagnose("\n".join(report.reasons))
    count = len(report.lacking)
    what = f"{count} object{'s' if count != 1 else ''} did not arrive"
    return ActionError(f"the remote {remote}: {REASONS[reason]}: {message} ({what})", f"{HINTS[reason]} {_GOES_ON}")
