"""What people do with the trash: look at it, take something out again, purge it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from edm_core.actions import trash
from edm_core.actions.discard import undo_discard
from edm_core.actions.trash_mlflow import Remains, purge_remains, remains_of
from edm_core.errors import ActionError
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """What a purge would delete: entries of the trash, and what MLflow holds of their runs."""

    slots: tuple[trash.Slot, ...]
    remains: tuple[Remains, ...]

    @property
    def bytes(self) -> int:
        return sum(slot.bytes for slot in self.slots) + sum(item.bytes for item in self.remains)


def restore(workspace: Workspace, reference: str, *, say: Say = quiet) -> Outcome:
    """Take an entry out of the trash: by its id, or the newest of a run. Raises NotFoundError or ActionError."""
    with data_lane(workspace, "edm storage trash restore", say):
        slot = trash.find_slot(workspace, reference)
        journal = Journal(workspace)
        if slot.kind == trash.EXCLUDED:
            entry = journal.begin("storage trash restore", slot.run_name, slot=slot.id)
            left = trash.move_back(slot, workspace.root / slot.original)
            journal.done(entry.id)
            told = f"still in the trash, for new files are in their place: {', '.join(left)}" if left else ""
            return _restored(slot, told)
        discarded = _entry_of(journal, slot)
        told = undo_discard(workspace, discarded, say)
        if discarded.state == "done":
            journal.undone(discarded.id)
        return _restored(slot, told)


def _restored(slot: trash.Slot, told: str) -> Outcome:
    data = {"trash": slot.id, "run": slot.run_name, "to": slot.original}
    return Outcome(f"restored {slot.original}", told, "done", ("runs", "data"), data)


def _entry_of(journal: Journal, slot: trash.Slot) -> Entry:
    """The discard that made this entry; one made up from the entry itself where the journal has lost it."""
    made = (entry for entry in journal.entries() if entry.verb == "discard" and entry.data.get("slot") == slot.id)
    data = {"run_name": slot.run_name, "run_id": slot.run_id, "run_dir": slot.original, "slot": slot.id}
    return next(made, Entry("", "discard", slot.run_name, data, state="failed"))


def plan_purge(
    workspace: Workspace, older_than_days: float = 0.0, down_to_bytes: int | None = None, refs: Sequence[str] = ()
) -> PurgePlan:
    """What to purge: entries older than so many days; or the oldest until the trash holds `down_to_bytes`; or these."""
    if refs:
        chosen = [trash.find_slot(workspace, ref) for ref in refs]
    else:
        before = time.time() - older_than_days * 86400
        chosen = [slot for slot in trash.slots(workspace) if slot.discarded_at <= before]
        if down_to_bytes is not None:
            chosen = _oldest(trash.slots(workspace), chosen, down_to_bytes)
    remains = [remains_of(workspace, slot) for slot in chosen if slot.kind == trash.DISCARDED and slot.run_id]
    return PurgePlan(tuple(chosen), tuple(item for item in remains if item is not None))


def _oldest(everything: Sequence[trash.Slot], among: Sequence[trash.Slot], limit: int) -> list[trash.Slot]:
    """The oldest of `among` whose going brings the whole trash down to `limit` bytes."""
    left, chosen = sum(slot.bytes for slot in everything), []
    for slot in sorted(among, key=lambda slot: slot.discarded_at):
        if left <= limit:
            break
        chosen.append(slot)
        left -= slot.bytes
    return chosen


def purge(workspace: Workspace, plan: PurgePlan, *, say: Say = quiet) -> Outcome:
    """Delete what the plan names, for good. Raises StoreError when MLflow cannot be reached; what went has gone."""
    with data_lane(workspace, "edm storage trash purge", say):
        journal = Journal(workspace)
        entry = journal.begin("purge", ", ".join(slot.id for slot in plan.slots), bytes=plan.bytes)
        _withdraw_undo(journal, plan)
        remains = {item.run_id: item for item in plan.remains}
        for slot in plan.slots:
            say(f"purging {slot.id}")
            if slot.run_id in remains and slot.kind == trash.DISCARDED:
                purge_remains(workspace, remains[slot.run_id])
            trash.drop(slot)
        journal.done(entry.id)
    data = {"purged": [slot.id for slot in plan.slots], "bytes": plan.bytes}
    return Outcome(f"purged {len(plan.slots)} entries, {plan.bytes:,} bytes", "", "done", ("runs", "data"), data)


def _withdraw_undo(journal: Journal, plan: PurgePlan) -> None:
    """A discard whose folder is purged is not offered to undo any more."""
    ids = {slot.id for slot in plan.slots}
    for entry in journal.entries():
        if entry.verb == "discard" and entry.state == "done" and entry.data.get("slot") in ids:
            journal.done(entry.id, undo=None)


def check_some(plan: PurgePlan) -> None:
    if not plan.slots:
        raise ActionError("nothing in the trash is that old, or it is empty", "edm storage trash list")
