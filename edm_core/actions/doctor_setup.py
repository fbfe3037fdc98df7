"""Checks of the set-up: identity, tracking URI, rules in .gitignore, DVC's index, remotes."""

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from edm_core.actions.doctor import Case
from edm_core.actions.doctor_index import index_gaps
from edm_core.actions.mends import set_store
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError
from edm_core.files import write_atomic
from edm_core.gitrepo import git_of
from edm_core.init import rule_faults, write_rules
from edm_core.init import rules as block_rules
from edm_core.settings import load_settings
from edm_core.snapshots.findings import Finding
from edm_core.workspace import Workspace


def identity(workspace: Workspace) -> Iterable[Case]:
    """Without an identity git cannot commit, so nothing can be kept."""
    git = git_of(workspace)
    if git.top() is None:
        yield Case(Finding("identity", "error", f"{workspace.root} is in no git repository", "", "git init"))
    elif not git.has_identity():
        mend = 'git config user.name "You" && git config user.email you@example.com'
        yield Case(Finding("identity", "error", "git does not know who you are, so it cannot commit", "", mend))


def tracking(workspace: Workspace) -> Iterable[Case]:
    """MLFLOW_TRACKING_URI that differs from the settings: runs land in another store than the one shown elsewhere."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    own = replace(workspace, settings=load_settings(workspace.root, {})).tracking_uri
    if given and workspace.tracking_uri != own:
        shown = _hide(workspace.tracking_uri)
        secret = shown != workspace.tracking_uri
        mend = f"unset MLFLOW_TRACKING_URI, or set [tracking] uri in edm.toml to {shown}"
        finding = Finding(
            "tracking", "warning", "MLFLOW_TRACKING_URI leads to another store than the workspace's settings",
            f"the variable: {shown}; the settings: {_hide(own)}", mend, by_choice=not secret,
        )  # fmt: skip
        # A password does not belong in a file that is committed.
        yield Case(finding, None if secret else partial(set_store, workspace, given))


def _hide(uri: str) -> str:
    """The URI without its password."""
    scheme, mark, rest = uri.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}@{host}" if mark and at else uri


def rules(workspace: Workspace) -> Iterable[Case]:
    """Rules in .gitignore by which git or DVC would lose sight of pointers."""
    for fault in rule_faults(workspace):
        severe = "DVC reads" in fault or "git ignores" in fault
        mend = "take the rule at fault out of .gitignore (it stays there as a comment)"
        yield Case(Finding("rules", "error" if severe else "warning", fault, ".gitignore", mend),
                   partial(_without_rule, workspace))  # fmt: skip


def _without_rule(workspace: Workspace) -> str:
    """Try without each rule that is not of our block, one by one; nothing is changed where none is at fault."""
    if not rule_faults(workspace):
        return "mended already"
    path = workspace.root / ".gitignore"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_rules(workspace)
    if not rule_faults(workspace):
        return "wrote the rules on which git and DVC agree"
    text, ours = path.read_text(encoding="utf-8"), set(block_rules(workspace.settings.runs.dir))
    lines = text.splitlines()
    others = [at for at, line in enumerate(lines) if line.strip() and not line.startswith("#") and line not in ours]
    for chosen in (*([at] for at in reversed(others)), others):
        tried = [f"# edm doctor: {line}" if at in chosen else line for at, line in enumerate(lines)]
        write_atomic(path, "\n".join(tried) + "\n")
        if not rule_faults(workspace):
            return "took out " + ", ".join(lines[at] for at in chosen)
    write_atomic(path, before)
    raise ActionError("the rule is not in the workspace's own .gitignore", "`git check-ignore -v FILE` names it.")


def index(workspace: Workspace) -> Iterable[Case]:
    """Pointers on disk that DVC's index does not hold: `dvc gc` would delete their data."""
    if DvcRepo(workspace).folder() is None:
        yield Case(Finding("index", "error", "there is no DVC repository", str(workspace.root), "edm init"))
        return
    for path in index_gaps(workspace.root):
        yield Case(Finding(
            "index", "error", f"DVC's index does not hold {path}: `dvc gc` would delete its data",
            "DVC reads .gitignore with an engine of its own",
            "mend .gitignore (`edm init` names the rule) before any gc",
        ))  # fmt: skip


def remote(workspace: Workspace) -> Iterable[Case]:
    """Without a DVC remote, what is kept is only here."""
    dvc = DvcRepo(workspace)
    if dvc.folder() is not None and dvc.default_remote() is None:
        mend = "dvc remote add -d NAME ADDRESS"
        yield Case(Finding("remote", "info", "DVC has no default remote: what is kept is only here", "", mend))
