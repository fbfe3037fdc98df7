"""`edm doctor`: look for what is wrong, say by what evidence, and mend what can be mended.

A check is a function of the workspace that yields findings; a finding may carry its mend. Mends are shown before they
are done, and each can be done again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module

from edm_core.actions.doctor_processes import clear_stale_locks, stale_locks, wait_for_orphans
from edm_core.errors import EdmError
from edm_core.gitrepo import git_of
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.findings import Finding
from edm_core.stores.redact import without_password
from edm_core.workspace import Workspace

Mend = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Case:
    """A finding with the function that mends it, None where only a person can."""

    finding: Finding
    act: Mend | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What doctor found, in the order of the checks."""

    findings: tuple[Finding, ...] = field(default=())

    @property
    def sick(self) -> bool:
        """Whether an error is left that was not mended."""
        return any(finding.severity == "error" and not finding.mended for finding in self.findings)


Check = Callable[[Workspace], Iterable[Case]]

# Order matters: locks before git is asked for anything, the journal before the states that it left behind are judged.
CHECKS: tuple[tuple[str, str], ...] = (
    ("doctor", "git_locks"),
    ("doctor", "unfinished"),
    ("doctor_setup", "identity"),
    ("doctor_setup", "tracking"),
    ("doctor_setup", "rules"),
    ("doctor_setup", "index"),
    ("doctor_setup", "remote"),
    ("doctor_runs", "jobs"),
    ("doctor_runs", "unlogged"),
    ("doctor_runs", "dead_runs"),
    ("doctor_files", "checkpoints"),
    ("doctor_runs", "tags"),
    ("doctor_stores", "orphans"),
    ("doctor_files", "tracked_twice"),
    ("doctor_stores", "strays"),
    ("doctor_files", "artifacts"),
    ("doctor_files", "temporaries"),
    ("doctor_models", "aliases"),
    ("doctor_cache", "objects"),
    ("doctor_cache", "leftovers"),
)
QUICK: tuple[tuple[str, str], ...] = (("doctor_quick", "corrupted"),)
DEEP: tuple[tuple[str, str], ...] = (("doctor_cache", "corrupted"),)

# Verb → (module, function) that finishes or changes back an entry whose process died.
RECOVERIES = {
    "keep": ("keep_recovery", "recover_keep"),
    "discard": ("discard", "recover_discard"),
    "undo": ("undo", "recover_undo"),
    "metadata": ("metadata", "recover_metadata"),
    "note": ("metadata", "recover_metadata"),
    "edit": ("run_edit", "recover_edit"),
    "delete": ("run_delete", "recover_delete"),
    "restore": ("run_delete", "recover_delete"),
    "version": ("versions", "recover_version"),
    "mend": ("mends", "recover_mend"),
    "promote": ("promote", "mend_promote"),
    "register": ("register", "mend_register"),
}


def examine(
    workspace: Workspace, *, fix: bool = False, deep: bool = False, only: Collection[str] = (), say: Say = quiet
) -> Report:
    """Run every check, and with `fix` mend what can be; a check that cannot look says so as a finding.

    `deep` also hashes every object of the cache that a kept run needs, which reads all of it. `only` are the ids of
    findings: nothing else is looked for, reported or mended.
    """
    findings: list[Finding] = []
    blind: dict[tuple[str, str], list[str]] = {}
    wanted = {reference.rpartition("-")[0] for reference in only}
    with data_lane(workspace, "edm doctor", say):
        if fix:
            wait_for_orphans(workspace, say)
        for module, name in (*CHECKS, *(DEEP if deep else QUICK)):
            if only and name not in wanted:
                continue
            check: Check = getattr(import_module(f"edm_core.actions.{module}"), name)
            try:
                for case in check(workspace):
                    if not only or case.finding.id in only:
                        wished = fix and (bool(only) or not case.finding.by_choice)
                        findings.append(_treated(case, wished, say))
            except EdmError as error:
                blind.setdefault((without_password(error.message), error.hint), []).append(name)
    return Report((*findings, *_blind_spots(blind)))


def _blind_spots(blind: Mapping[tuple[str, str], Sequence[str]]) -> Iterable[Finding]:
    """One finding for each reason why checks could not look; an error, since nobody knows what they would find."""
    for (reason, hint), checks in blind.items():
        yield Finding(checks[0], "error", f"could not look: {reason}", f"not checked: {', '.join(checks)}", hint)


def _treated(case: Case, fix: bool, say: Say) -> Finding:
    finding = replace(case.finding, mendable=case.act is not None)
    if not fix or case.act is None:
        return finding
    say(f"{finding.check}: {finding.mend}")
    try:
        return replace(finding, mended=case.act())
    except EdmError as error:
        return replace(finding, evidence=f"{finding.evidence}; the mend failed: {error.message}".removeprefix("; "))


def git_locks(workspace: Workspace) -> Iterable[Case]:
    """Lock files of git's that a killed process left: every git command fails while they are there."""
    git = git_of(workspace)
    for lock in stale_locks(git):
        finding = Finding(
            "git_locks", "error", f"{lock.path.name} of a git process that is gone stands in the way",
            f"{lock.path}, {lock.age:.0f} s old; no process has it open", f"remove {lock.path}",
        )  # fmt: skip

        def remove() -> str:
            return "removed " + (", ".join(str(path) for path in clear_stale_locks(git)) or "nothing: it is gone")

        yield Case(finding, remove)


def unfinished(workspace: Workspace) -> Iterable[Case]:
    """Actions that a crash interrupted: finished or changed back, oldest first."""
    for entry in Journal(workspace).unfinished():
        steps = ", ".join(name for name, _ in entry.steps) or "none"
        known = entry.verb in RECOVERIES
        finding = Finding(
            "unfinished", "error" if known else "warning", f"{entry.verb} {entry.target} was interrupted",
            f"journal entry {entry.id}; steps noted: {steps}",
            "finish it or change it back" if known else f"nothing is half done: run `edm {entry.verb}` again",
        )  # fmt: skip
        yield Case(finding, _recovery(workspace, entry))


def _recovery(workspace: Workspace, entry: Entry) -> Mend:
    def act() -> str:
        if entry.verb not in RECOVERIES:
            Journal(workspace).failed(entry.id, "interrupted")
            return f"noted that {entry.verb} was interrupted"
        module, name = RECOVERIES[entry.verb]
        recover: Callable[[Workspace, Entry], str] = getattr(import_module(f"edm_core.actions.{module}"), name)
        return recover(workspace, entry)

    return act
