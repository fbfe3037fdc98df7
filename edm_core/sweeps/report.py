"""trials.json: what the driver knows of its trials, for everybody who only wants to look. Written when it changes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edm_core.files import write_json
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.sweeps import Trial
from edm_core.sweeps.spec import SweepSpec

_STATES = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


class Report:
    """The trials by number; the study is the truth, and this is what it looks like."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "trials.json"
        self._trials = {trial.number: trial for trial in read_trials(folder)}
        self._written: dict[int, Trial] = {}

    def begun(self, number: int, params: Mapping[str, str], job_id: str) -> None:
        self._trials[number] = Trial(number, "waiting", dict(params), job_id)

    def known(self, number: int, state: str) -> None:
        """A trial that had ended when the driver started: its state, where the driver before was killed meanwhile."""
        trial = self._trials.get(number)
        if trial is not None and trial.state in ("waiting", "running"):
            self._trials[number] = replace(trial, state=_STATES.get(state, "failed"))

    def goes_on(self, number: int, job: JobSnapshot, value: float | None, step: int | None) -> None:
        self._set(number, "running" if job.state == "running" else "waiting", job, value, step)

    def ended(self, number: int, state: str, job: JobSnapshot, value: float | None, step: int | None) -> None:
        self._set(number, state, job, value, step)

    def dropped(self, number: int) -> None:
        """A trial that a stop cut short, and that is made again."""
        self._trials[number] = replace(self._trials[number], state="dropped")

    def _set(self, number: int, state: str, job: JobSnapshot, value: float | None, step: int | None) -> None:
        self._trials[number] = replace(
            self._trials[number], state=state, run_id=job.run_id, run_name=job.run_name, value=value, step=step
        )

    def ended_states(self) -> list[str]:
        return [trial.state for trial in self._trials.values() if trial.state in _STATES.values()]

    def best(self, spec: SweepSpec) -> Trial | None:
        """The best trial that has ended."""
        valued = [one for one in self._trials.values() if one.value is not None and one.state in ("done", "pruned")]
        if not valued:
            return None
        return sorted(valued, key=lambda one: (one.value or 0.0) * (1 if spec.minimised else -1))[0]

    def best_words(self, spec: SweepSpec) -> str:
        """The best so far in words."""
        best = self.best(spec)
        if best is None:
            return "no trial has a value yet"
        params = " ".join(f"{name}={text}" for name, text in best.params.items())
        return f"best {spec.metric} {best.value:.6g} by trial {best.number} ({params})"

    def write(self) -> None:
        if self._trials != self._written:
            write_json(self._file, {"trials": [asdict(self._trials[number]) for number in sorted(self._trials)]})
            self._written = dict(self._trials)


def read_trials(folder: Path) -> tuple[Trial, ...]:
    """The trials of a sweep's folder; () while none was begun."""
    try:
        raw: Any = json.loads((folder / "trials.json").read_bytes())
        return tuple(Trial(**one) for one in raw["trials"])
    except (OSError, ValueError, TypeError, KeyError):
        return ()
