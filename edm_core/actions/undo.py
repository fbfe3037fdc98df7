"""Undo the last action, by the journal on disk; what cannot be undone says so."""

from collections.abc import Callable
from importlib import import_module

from edm_core.actions.doctor_processes import clear_stale_locks, wait_for_orphans
from edm_core.errors import ActionError, EdmError
from edm_core.gitrepo import git_of
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome, Undoable
from edm_core.workspace import Workspace

Undoer = Callable[[Workspace, Entry], object]

# Verb → (module of edm_core.actions, function).
UNDOERS = {
    "keep": ("keep_recovery", "undo_keep"),
    "discard": ("discard", "undo_discard"),
    "metadata": ("metadata", "undo_metadata"),
    "note": ("metadata", "undo_metadata"),
    "edit": ("run_edit", "undo_edit"),
    "delete": ("run_delete", "undo_delete"),
    "restore": ("run_delete", "undo_delete"),
    "mend": ("mends", "undo_mend"),
    "promote": ("promote", "undo_promote"),
    "rollback": ("promote", "undo_promote"),
    "register": ("register", "undo_register"),
    "version": ("versions", "undo_version"),
}
_FINAL = {
    "push": "what was pushed may have been pulled by others, so a push is not undone",
    "pull": "a pull only added what others had pushed, so it is not undone",
    "gc": "what gc deleted from the cache is gone",
    "purge": "what was purged from the trash is gone",
}


def next_undo(workspace: Workspace) -> Entry | None:
    """What `undo` would undo now; None when there is nothing."""
    return Journal(workspace).last_undoable()


def what_undo_would_do(workspace: Workspace) -> Undoable:
    """What `undo` would undo, and what came after it that cannot be undone. One read of the journal."""
    done = [one for one in Journal(workspace).entries() if one.state == "done" and one.verb != "undo"]
    able = next((one for one in reversed(done) if one.undo is not None), None)
    last = done[-1] if done else None
    final = _FINAL.get(last.verb, "") if last is not None and last is not able else ""
    return Undoable(
        f"{able.verb} {able.target}" if able is not None else "",
        f"{last.verb} {last.target}" if last is not None else "",
        final,
    )


def undo(workspace: Workspace, *, say: Say = quiet) -> Outcome:
    """Undo the last action that can be. Raises ActionError when there is none, or it cannot be undone any more."""
    with data_lane(workspace, "edm undo", say):
        journal = Journal(workspace)
        died = next((entry for entry in journal.unfinished() if entry.verb == "undo"), None)
        if died is not None:
            return _outcome(recover_undo(workspace, died), died.target)
        entry = journal.last_undoable()
        last = journal.last_done()
        if entry is None:
            reason = _FINAL.get(last.verb, "") if last else ""
            raise ActionError("there is nothing to undo" + (f": {reason}" if reason else ""), "edm storage trash list")
        if last is not None and last.id != entry.id and last.verb in _FINAL:
            say(f"{_FINAL[last.verb]}; undoing {entry.verb} {entry.target} before it")
        own = journal.begin("undo", f"{entry.verb} {entry.target}", entry=entry.id)
        try:
            told = _call(workspace, entry)
        except EdmError as error:
            journal.failed(own.id, error.message)
            raise
        journal.undone(entry.id)
        journal.done(own.id)
        return _outcome(told, f"{entry.verb} {entry.target}")


def _outcome(told: str, what: str) -> Outcome:
    return Outcome(f"undid {what}", told, "done", ("runs", "data", "models"), {"undone": what})


def _call(workspace: Workspace, entry: Entry) -> str:
    if entry.verb not in UNDOERS:
        raise ActionError(f"{entry.verb} {entry.target} cannot be undone", "")
    module, name = UNDOERS[entry.verb]
    undoer: Undoer = getattr(import_module(f"edm_core.actions.{module}"), name)
    told = undoer(workspace, entry)
    if isinstance(told, Outcome):
        return " ".join(filter(None, (told.title, told.detail)))
    return str(told) if told else ""


def recover_undo(workspace: Workspace, entry: Entry) -> str:
    """Finish an undo whose process died: every undoer can be run again."""
    journal = Journal(workspace)
    wait_for_orphans(workspace)
    clear_stale_locks(git_of(workspace))
    target = journal.entry(str(entry.data.get("entry", "")))
    if target is None or target.state != "done":
        journal.done(entry.id)
        return f"{entry.target} was undone already"
    told = _call(workspace, target)
    journal.undone(target.id)
    journal.done(entry.id)
    return f"finished the undoing of {entry.target}, which had been interrupted: {told}"
