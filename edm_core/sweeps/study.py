"""Optuna's side of a sweep: which values come next, and whether a trial is worth its time. Only the driver imports it.

The study lies in SQLite in the sweep's folder, so it survives a kill at any moment.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.sweeps.space import Dimension, grid_points, grid_size
from edm_core.sweeps.spec import SweepSpec

if TYPE_CHECKING:
    import optuna

JOB = "job_id"
PARAMS = "params"
_STARTUP = 5


class Study:
    """The trials of a sweep. A trial is `ours` once it carries the id of its job."""

    def __init__(self, folder: Path, spec: SweepSpec, space: tuple[Dimension, ...]) -> None:
        warnings.filterwarnings("ignore", module=r"(optuna|sqlalchemy|alembic)\b")
        warnings.filterwarnings("ignore", message=".*noload.*")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._space = space
        grid = spec.sampler == "grid"
        self._distributions = {one.name: _distribution(optuna, one, one.grid() if grid else ()) for one in space}
        self._study = optuna.create_study(
            study_name=spec.name, storage=f"sqlite:///{folder / 'study.db'}", load_if_exists=True,
            direction="minimize" if spec.minimised else "maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=1)
            if spec.pruner == "median" else optuna.pruners.NopPruner(),
        )  # fmt: skip
        self._study.sampler = self._sampler(spec)
        if grid and len(self.trials()) < grid_size(space):
            # In place of Optuna's own grid sampler, which cannot be asked and told. What is there already stays.
            for point in grid_points(space):
                self._study.enqueue_trial(point, skip_if_exists=True)

    def trials(self) -> "list[optuna.trial.FrozenTrial]":
        return self._study.get_trials(deepcopy=False)

    def ask(self) -> "optuna.Trial":
        """A further trial with its values."""
        trial = self._study.ask(self._distributions)
        trial.set_user_attr(PARAMS, self.texts(trial.params))
        return trial

    def open(self, known: "optuna.trial.FrozenTrial") -> "optuna.Trial":
        """A trial that an earlier driver began."""
        return self._optuna.trial.Trial(self._study, known._trial_id)

    def texts(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Values as they stand on a command line."""
        return {one.name: one.text(params[one.name]) for one in self._space if one.name in params}

    def tell(self, number: int, state: str, value: float | None = None) -> None:
        """The end of a trial: done with its value, pruned, or failed. What was told already stays."""
        states = self._optuna.trial.TrialState
        words = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        self._study.tell(number, value if state == "done" else None, words[state], skip_if_finished=True)

    def again(self, params: Mapping[str, Any]) -> None:
        """These values once more, before any others."""
        self._study.enqueue_trial(dict(params), skip_if_exists=False)

    def _sampler(self, spec: SweepSpec) -> "optuna.samplers.BaseSampler":
        # Another seed at each start: the same one would give the same values again.
        seed = spec.seed + len(self.trials())
        if spec.sampler in ("random", "grid"):
            return self._optuna.samplers.RandomSampler(seed=seed)
        return self._optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP, constant_liar=spec.parallel > 1)


def _distribution(optuna: Any, one: Dimension, grid: tuple[str, ...]) -> Any:
    if grid or one.choices:
        return optuna.distributions.CategoricalDistribution(grid or one.choices)
    if one.kind == "int":
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log, step=one.step)
