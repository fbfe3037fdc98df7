"""DVC remotes: added as DVC configures them, and checked by writing and reading a small object."""

import re
import sys

from edm_core.actions.remote_probe import ANSWER_SECONDS, HINTS, LATE, REASONS, diagnose
from edm_core.commandlog import run_logged
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError, NotFoundError
from edm_core.gitrepo import child_env
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Level, Outcome
from edm_core.stores.redact import masked
from edm_core.workspace import Workspace


def remotes(workspace: Workspace) -> dict[str, str]:
    """Name → address of every remote that DVC knows here, passwords hidden."""
    found = {}
    # `dvc remote list` breaks long addresses over lines; the configuration has one key a line.
    for line in DvcRepo(workspace).must("config", "--list").splitlines():
        key, _, address = line.partition("=")
        if key.startswith("remote.") and key.endswith(".url"):
            found[key.removeprefix("remote.").removesuffix(".url")] = masked(address)
    return found


def add_remote(workspace: Workspace, name: str, address: str, *, default: bool, say: Say = quiet) -> Outcome:
    """Add a DVC remote to .dvc/config; it becomes the default when it is the first. Raises ActionError."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ActionError(f"{name!r} cannot name a remote", "Letters, digits, '_', '-' and '.'.")
    if masked(address) != address:
        raise ActionError(
            f"{masked(address)} holds a password, and .dvc/config is committed for all to read",
            f"Add it without; then `dvc remote modify --local {name} password ...`, which stays out of git.",
        )
    with data_lane(workspace, "edm remote add", say):
        dvc = DvcRepo(workspace, say)
        dvc.require()
        if name in remotes(workspace):
            raise ActionError(f"there is a remote {name} already", f"dvc remote modify {name} url {address}")
        first = default or dvc.default_remote() is None
        dvc.must("remote", "add", *(["--default"] if first else []), name, address, hint="dvc remote add --help")
    folder = dvc.require()
    config = folder / "config"
    told = f"commit it, so that others have it: git add {config} && git commit -m 'Add remote {name}' -- {config}"
    data = {"name": name, "address": remotes(workspace)[name], "default": first}
    return Outcome(f"added remote {name}{' as the default' if first else ''}", told, "done", ("data",), data)


def check_remote(workspace: Workspace, name: str = "", *, limit: float = ANSWER_SECONDS, say: Say = quiet) -> Outcome:
    """Write a small object to the remote, read it back and delete it, in at most so many seconds.

    Raises ActionError that names what is wrong.
    """
    known = remotes(workspace)
    chosen = name or (DvcRepo(workspace).require_remote()[0])
    if chosen not in known:
        raise NotFoundError(f"there is no remote {chosen!r}", f"Remotes are: {', '.join(known) or 'none'}.")
    say(f"writing to {chosen} ({known[chosen]}), for {limit:g} s at most")
    script = [sys.executable, "-P", "-m", "edm_core.actions.remote_probe", chosen, f"{limit:g}"]
    env = {"AWS_MAX_ATTEMPTS": "1", **child_env()}
    done = run_logged(script, cwd=workspace.root, log=workspace.command_log_path, env=env)
    if done.returncode != 0:
        reason, message = diagnose(done.stderr)
        hint = HINTS["limit"] if LATE in done.stderr else HINTS[reason]
        raise ActionError(f"{chosen} ({known[chosen]}): {REASONS[reason]}: {message}", hint)
    warning = done.stdout.strip()
    data = {"name": chosen, "address": known[chosen], "warning": warning}
    level: Level = "warning" if warning else "done"
    detail = "\n".join(filter(None, (known[chosen], warning)))
    return Outcome(f"{chosen} works: wrote, read and deleted a small object", detail, level, (), data)
