"""The history of a model's stages: a tag on the moved version for each move, which any MLflow client sees."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import GateResult, StageMove, Tenure
from edm_core.stores.registry_errors import registry_errors

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PREFIX = "edm.history."


def write_move(client: "MlflowClient", made: StageMove) -> None:
    """Record a move on its version. Writing the same one again changes nothing. Raises StoreError."""
    # Named by time and id, so that two people who write at once never take each other's place.
    moment = datetime.fromtimestamp(made.at_ms / 1000, UTC)
    key = f"{PREFIX}{moment:%Y%m%dT%H%M%S}{made.at_ms % 1000:03d}.{made.id[-4:]}"
    value = {key: item for key, item in asdict(made).items() if key not in ("name", "version")}
    told = f"the history of {made.name} v{made.version} could not be written"
    with registry_errors(told, "`edm doctor --fix` writes it from the journal."):
        client.set_model_version_tag(made.name, str(made.version), key, json.dumps(value))


def history(versions: Iterable[ModelVersion]) -> tuple[StageMove, ...]:
    """All moves that the versions' tags tell of, newest first."""
    moves = [
        made
        for version in versions
        for key, value in version.tags.items()
        if key.startswith(PREFIX) and (made := _read(version, value)) is not None
    ]
    return tuple(sorted(moves, key=lambda made: (made.at_ms, made.id), reverse=True))


def _read(version: ModelVersion, text: str) -> StageMove | None:
    """The move that a tag's text tells of; None for what somebody else wrote there."""
    try:
        raw = json.loads(text)
        return StageMove(
            id=str(raw["id"]),
            name=version.name,
            version=version.version,
            at_ms=int(raw["at_ms"]),
            who=str(raw["who"]),
            kind=str(raw["kind"]),
            from_stage=str(raw["from_stage"]),
            to_stage=str(raw["to_stage"]),
            reason=str(raw.get("reason", "")),
            gates=tuple(GateResult(str(g["gate"]), bool(g["passed"]), str(g.get("detail", ""))) for g in raw["gates"]),
            replaced=tuple(int(number) for number in raw.get("replaced", ())),
        )
    except (ValueError, KeyError, TypeError):
        return None


def earlier_holder(moves: Sequence[StageMove], versions: Iterable[ModelVersion], stage: str) -> int | None:
    """The version of one model that stood in `stage` before the one there now; None when there was none.

    Moves (newest first) are followed from the first. A rollback takes the versions above the one that it went back
    to, so that a second rollback goes one further back. Versions that were deleted are passed over.
    """
    there = {version.version for version in versions}
    standing: list[int] = []
    for made in reversed(moves):
        if made.kind == "undo" and made.from_stage == stage and made.version in standing:
            standing.remove(made.version)
        elif made.to_stage == stage:
            _stand(standing, made)
    left = [number for number in standing if number in there]
    return left[-2] if len(left) > 1 else None


def _stand(standing: list[int], made: StageMove) -> None:
    if made.kind == "rollback" and made.version in standing:
        del standing[standing.index(made.version) + 1 :]
        return
    # Whoever was replaced stood here, though nothing may tell how it came.
    standing += [number for number in made.replaced if number not in standing]
    if made.version in standing:
        standing.remove(made.version)
    standing.append(made.version)


def tenures(moves: Sequence[StageMove], stage: str, standing: int | None) -> tuple[Tenure, ...]:
    """Who stood in `stage` of one model and for how long, oldest first, as its moves (newest first) tell.

    `standing` is who stands there now by the store's word, which wins: others move stages too, and leave no history.
    """
    found: list[Tenure] = []
    came_after: dict[int, int] = {}
    for made in reversed(moves):
        now = found[-1].version if found else 0
        if made.to_stage == stage:
            came_after[made.version] = now
            _enter(found, made.version, made)
        elif made.from_stage == stage and made.version == now:
            # An undo brings back whom the undone move had replaced.
            _enter(found, came_after.get(made.version, 0) if made.kind == "undo" else 0, made)
    if (found[-1].version if found else 0) != (standing or 0):
        if found:
            found[-1] = replace(found[-1], to_ms=found[-1].from_ms)
        found.append(Tenure(standing or 0, None))
    return tuple(found)


def _enter(found: list[Tenure], version: int, made: StageMove) -> None:
    if found:
        found[-1] = replace(found[-1], to_ms=made.at_ms)
    found.append(Tenure(version, made.at_ms, None, made.who))
