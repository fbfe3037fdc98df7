"""Moves of model versions between stages: what was decided, by whom and on what grounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edm_core.snapshots.models import ModelVersion


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate of edm.toml: how it is written there, whether it holds, and why or why not in a few words."""

    gate: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StageMove:
    """One move in a model's history; `at_ms` is Unix milliseconds, stages are MLflow's words.

    `kind` is promote, demote, rollback or undo; `replaced` are the versions that it sent to Archived.
    """

    id: str
    name: str
    version: int
    at_ms: int
    who: str
    kind: str
    from_stage: str
    to_stage: str
    reason: str = ""
    gates: tuple[GateResult, ...] = ()
    replaced: tuple[int, ...] = ()

    @property
    def overrode(self) -> bool:
        """Whether it was done although a gate failed."""
        return any(not gate.passed for gate in self.gates)


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """A metric of candidate and incumbent (None: not known); `verdict` is better, worse, same or ""."""

    metric: str
    candidate: float | None
    incumbent: float | None
    delta: float | None = None
    verdict: str = ""
    minimised: bool | None = None
    """Whether less is better; None where neither the settings nor the name tell."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be decided: a candidate for a stage against the version that stands there (None: nobody does)."""

    candidate: ModelVersion
    stage: str
    incumbent: ModelVersion | None = None
    metrics: tuple[MetricComparison, ...] = ()
    gates: tuple[GateResult, ...] = ()
    differences: Mapping[str, Any] = field(default_factory=dict)
    """`data`, `code`, `checkpoint`: the pair of values where candidate and incumbent differ. `files`: path → lines
    added and removed from the incumbent's commit to the candidate's, or `files_note` why that is not known. `tracks`:
    names of those that are `better` and `worse`, how many are the `same`, and `scores` (candidate, incumbent)."""
    since_ms: int | None = None
    """When the incumbent came there, where its history tells."""

    @property
    def failing(self) -> tuple[GateResult, ...]:
        return tuple(gate for gate in self.gates if not gate.passed)


@dataclass(frozen=True, slots=True)
class Tenure:
    """The time for which one version stood in a stage, Unix milliseconds; `to_ms` None: it stands there now.

    `from_ms` None: the history does not tell when it came, because another tool moved it. `version` 0: nobody.
    """

    version: int
    from_ms: int | None
    to_ms: int | None = None
    who: str = ""
