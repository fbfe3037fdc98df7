"""What a sweep's folder says at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of a sweep. `state` is one of waiting, running, done, pruned, failed, dropped."""

    number: int
    state: str
    params: Mapping[str, str]
    job_id: str = ""
    run_id: str = ""
    run_name: str = ""
    value: float | None = None
    """The best value of the sweep's metric so far."""
    step: int | None = None
    """The step of that value."""


@dataclass(frozen=True, slots=True)
class SweepSnapshot:
    """A sweep: `state` is that of its driver (running, done, failed, stopped, lost), `wanted` its trials in all."""

    name: str
    state: str
    metric: str
    minimised: bool
    wanted: int
    sampler: str = "tpe"
    pruner: str = "median"
    params: Mapping[str, str] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    job_id: str = ""
    parent_run_id: str = ""
    created: float = 0.0
    note: str = ""

    @property
    def best(self) -> Trial | None:
        """The trial with the best value so far; None while none has one."""
        valued = [trial for trial in self.trials if trial.value is not None]
        choose = min if self.minimised else max
        return choose(valued, key=lambda trial: trial.value or 0.0) if valued else None

    @property
    def ended(self) -> int:
        """How many trials have ended, whatever came of them."""
        return sum(1 for trial in self.trials if trial.state in ("done", "pruned", "failed"))
