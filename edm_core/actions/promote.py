"""Promote and demote: one transition, then the alias, then the history; each step can be finished after a crash."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from edm_core.actions.decision import decide
from edm_core.actions.model_history import history, write_move
from edm_core.actions.promotion_hook import run_hook
from edm_core.actions.register import whoami
from edm_core.actions.stages import (
    align_aliases,
    archive_others,
    holder,
    move,
    next_stage,
    parse_stage,
    pick,
    previous_stage,
    settle_production,
)
from edm_core.errors import ActionError, StoreError
from edm_core.journal import Entry, Journal
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.promotion import GateResult, StageMove
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

REASON_LENGTH = 2000
"""What surely fits into a tag, beside the gates, on every store: nothing may fail once the stage has moved."""


def promote(workspace: Workspace, name: str, number: int, stage: str | None = None, *, reason: str = "") -> Outcome:
    """Move a version to `stage` (default: one step up).

    The gates of edm.toml are asked on the way to Production; one that fails blocks, unless a reason is given, which
    is recorded. Raises NotFoundError, ActionError with the failing gates, StoreError.
    """
    mend_interrupted(workspace)
    versions = list_versions(workspace, name)
    version = pick(versions, name, number)
    target = parse_stage(stage) if stage else next_stage(version.stage)
    gates: tuple[GateResult, ...] = ()
    if target == "Production" and version.stage != target:
        decision = decide(workspace, version, target, versions)
        gates = decision.gates
        if decision.failing and not reason.strip():
            told = "; ".join(f"{gate.gate}: {gate.detail}" for gate in decision.failing)
            raise ActionError(
                f"{name} v{number} cannot go to Production: {told}",
                "Mend that, or override with --reason TEXT, which is recorded.",
            )
    return change_stage(workspace, versions, version, target, kind="promote", reason=reason, gates=gates)


def demote(workspace: Workspace, name: str, number: int, *, reason: str = "") -> Outcome:
    """Move a version one step down: Production → Staging → None. Raises as `promote` does."""
    mend_interrupted(workspace)
    versions = list_versions(workspace, name)
    version = pick(versions, name, number)
    target = previous_stage(version.stage)
    return change_stage(workspace, versions, version, target, kind="demote", reason=reason)


def change_stage(
    workspace: Workspace,
    versions: Sequence[ModelVersion],
    version: ModelVersion,
    stage: str,
    *,
    kind: str,
    reason: str = "",
    gates: tuple[GateResult, ...] = (),
) -> Outcome:
    """Move `version` to `stage`, with alias, history, journal and hook, and read it back.

    Raises ActionError when somebody else moved at the same moment and won; it says who.
    """
    if len(reason) > REASON_LENGTH:
        raise ActionError(f"the reason has {len(reason):,} characters", f"At most {REASON_LENGTH:,} are recorded.")
    client = mlflow_client(workspace)
    if version.stage == stage:
        align_aliases(workspace, client, version.name, [stage], left=0)
        return Outcome(f"{version.name} v{version.version} is in {stage} already", level="warning", stale=("models",))
    # Several candidates may stand in Staging; in Production, and after going back, there is one.
    alone = stage == "Production" or kind == "rollback"
    others = [v for v in versions if v.stage == stage] if alone else []
    made = StageMove(
        id="", name=version.name, version=version.version, at_ms=int(time.time() * 1000), who=whoami(), kind=kind,
        from_stage=version.stage, to_stage=stage, reason=reason.strip(), gates=gates,
        replaced=tuple(other.version for other in others),
    )  # fmt: skip
    journal = Journal(workspace)
    entry = journal.begin("promote", f"{version.name} v{version.version}", move=asdict(made))
    made = replace(made, id=entry.id)
    try:
        move(workspace, client, version, stage, archive=alone)
    except StoreError as error:
        journal.failed(entry.id, error.message)
        raise
    journal.step(entry.id, "moved")
    _finish(workspace, journal, made)
    _read_back(workspace, made)
    said = run_hook(workspace, made)
    return _outcome(made, said)


def _finish(workspace: Workspace, journal: Journal, made: StageMove) -> None:
    """What follows the transition; doing it again changes nothing."""
    client = mlflow_client(workspace)
    there = list_versions(workspace, made.name)
    mover = next((v for v in there if v.version == made.version and v.stage == made.to_stage), None)
    if mover:
        archive_others(workspace, client, mover, made.to_stage, made.replaced)
    if made.to_stage == "Production":
        settle_production(workspace, client, made.name)
    align_aliases(workspace, client, made.name, {made.from_stage, made.to_stage}, left=made.version)
    write_move(client, made)
    journal.done(made.id, undo={"move": asdict(made)})


def _read_back(workspace: Workspace, made: StageMove) -> None:
    versions = list_versions(workspace, made.name)
    now = pick(versions, made.name, made.version)
    if now.stage == made.to_stage:
        return
    winner = holder(versions, made.to_stage)
    last = next((m for m in history(versions) if winner and m.version == winner.version), None)
    who = f"{last.who} moved v{last.version} there" if last else "somebody moved it"
    raise ActionError(
        f"{made.name} v{made.version} is in {now.stage} now, not in {made.to_stage}: {who} at the same moment",
        "`edm models history` shows both; talk to them before trying again.",
    )


def _outcome(made: StageMove, said: str) -> Outcome:
    told = [f"{made.from_stage} → {made.to_stage}"]
    if made.replaced:
        told.append(f"{', '.join(f'v{number}' for number in made.replaced)} archived")
    if made.overrode:
        told.append("gates overridden: " + ", ".join(gate.gate for gate in made.gates if not gate.passed))
    if said:
        told.append(said)
    return Outcome(
        f"{made.name} v{made.version} is in {made.to_stage}",
        "; ".join(told),
        level="warning" if said else "done",
        stale=("runs", "models"),
        data={"name": made.name, "version": made.version, "stage": made.to_stage, "move": asdict(made)},
    )


def mend_promote(workspace: Workspace, entry: Entry) -> str:
    """Finish a promotion whose process died, or note that it never happened; one sentence about which."""
    journal = Journal(workspace)
    made = _recorded(entry.data, entry.id)
    versions = list_versions(workspace, made.name)
    there = next((version for version in versions if version.version == made.version), None)
    if there is None or not (entry.has("moved") or there.stage == made.to_stage):
        journal.failed(entry.id, "interrupted before anything changed")
        return f"{entry.target}: the interrupted move to {made.to_stage} had changed nothing"
    _finish(workspace, journal, made)
    said = run_hook(workspace, made)
    return f"{entry.target}: the interrupted move to {made.to_stage} is finished" + (f"; {said}" if said else "")


def mend_interrupted(workspace: Workspace) -> tuple[str, ...]:
    """Finish every promotion of this workspace whose process died. Raises StoreError."""
    entries = [entry for entry in Journal(workspace).unfinished() if entry.verb == "promote"]
    return tuple(mend_promote(workspace, entry) for entry in entries)


def undo_promote(workspace: Workspace, entry: Entry) -> Outcome:
    """Put stages and aliases back as they were before `entry`; the history tells of it. It can be run again.

    Raises ActionError when the version has moved on since.
    """
    before = _recorded(entry.undo or {}, entry.id)
    versions = list_versions(workspace, before.name)
    version = pick(versions, before.name, before.version)
    undone = f"{entry.id}-undo"
    client = mlflow_client(workspace)
    if undone not in {made.id for made in history([version])}:
        _move_back(workspace, client, versions, version, before)
        align_aliases(workspace, client, before.name, {before.from_stage, before.to_stage}, left=before.version)
        write_move(client, replace(
            before, id=undone, at_ms=int(time.time() * 1000), who=whoami(), kind="undo", gates=(), replaced=(),
            from_stage=before.to_stage, to_stage=before.from_stage, reason="",
        ))  # fmt: skip
    return Outcome(f"{entry.target} is back in {before.from_stage}", stale=("runs", "models"))


def _move_back(
    workspace: Workspace,
    client: "MlflowClient",
    versions: Sequence[ModelVersion],
    version: ModelVersion,
    before: StageMove,
) -> None:
    replaced = [v for v in versions if v.version in before.replaced]
    # Whom it had replaced goes first: that transition archives this version, so that one stands there at every moment.
    # An undo that was interrupted after it has left the version in Archived, or where it came from.
    begun = bool(replaced) and all(v.stage == before.to_stage for v in replaced)
    if version.stage != before.to_stage and not (begun or version.stage == before.from_stage):
        raise ActionError(
            f"{before.name} v{version.version} is in {version.stage} now: "
            f"its move to {before.to_stage} cannot be undone",
            "`edm models history` shows what came after.",
        )
    if version.stage == before.to_stage:
        for other in replaced:
            move(workspace, client, other, before.to_stage, archive=other is replaced[0])
    if version.stage != before.from_stage and (before.from_stage != "Archived" or not replaced):
        move(workspace, client, version, before.from_stage, archive=before.from_stage == "Production")


def _recorded(data: Mapping[str, Any], entry_id: str) -> StageMove:
    raw = dict(data["move"])
    raw["gates"] = tuple(GateResult(**gate) for gate in raw["gates"])
    raw["replaced"] = tuple(raw["replaced"])
    return StageMove(**(raw | {"id": entry_id}))
