"""The process that drives a sweep: `python -m edm_core.sweeps.driver SWEEPDIR`, run as a job that takes no slot.

Each trial is a job under a supervisor of its own, whose id is noted in the study before it is launched. So a driver
that is killed at any moment loses nothing: trials go on, and the next driver takes up what it finds.
"""

import math
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from edm_core.errors import EdmError, JobError, NotFoundError
from edm_core.jobs.engines import ask_engines, launch_all
from edm_core.jobs.folder import JobFolder, load_job, new_job_id
from edm_core.jobs.growing import GrowingRecords
from edm_core.jobs.new_folder import JobRequest
from edm_core.jobs.stop import stop_job
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.sweeps.parent import ParentRun
from edm_core.sweeps.report import Report
from edm_core.sweeps.spec import SweepSpec, load_spec
from edm_core.sweeps.study import JOB, PARAMS, Study
from edm_core.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    import optuna

_LOOK_SECONDS, _ENGINE_SECONDS = 0.5, 5.0
_FAILURES = 3
"""So many failed trials and no other stop a sweep: something is wrong with all of them."""


@dataclass
class Running:
    """A trial whose job has not ended, as far as is known."""

    trial: "optuna.Trial"
    folder: JobFolder
    records: GrowingRecords
    steps: set[int] = field(default_factory=set)
    value: float | None = None
    step: int | None = None
    pruned: bool = False


class Driver:
    """One sweep, from where its study stands to its end."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.spec: SweepSpec = load_spec(folder)
        self.workspace = workspace
        self.plan = self.spec.plan(workspace)
        self.study = Study(folder, self.spec, self.spec.space(workspace))
        self.parent = ParentRun(folder, workspace, self.spec)
        self.report = Report(folder)
        self.running: dict[int, Running] = {}
        self.stopping = False

    def run(self) -> int:
        """Drive it; the exit status."""
        self.parent.begin()
        _say(f"sweep {self.spec.name}: {self.spec.trials} trials of {', '.join(self.spec.params)}")
        self._take_up()
        while not self.stopping:
            self._look()
            if not self._launch() and not self.running:
                break
            time.sleep(_LOOK_SECONDS)
        if self.stopping:
            self._stop()
        return self._end()

    def _take_up(self) -> None:
        """What an earlier driver began: its trials go on, or are launched now, or never became trials."""
        begun = []
        for known in self.study.trials():
            if known.state.is_finished() or known.state.name == "WAITING":
                self._report_old(known)
            elif PARAMS not in known.user_attrs:
                self.study.tell(known.number, "failed")
            else:
                begun.append(self.study.open(known))
        self._start(begun)

    def _report_old(self, known: "optuna.trial.FrozenTrial") -> None:
        if JOB in known.user_attrs:
            self.report.known(known.number, known.state.name)

    def _launch(self) -> bool:
        """Launch trials while there is room; whether any is still to come."""
        left = self.spec.trials - self._counted()
        room = min(left, self.spec.parallel - len(self.running))
        if room > 0:
            self._start([self.study.ask() for _ in range(room)])
        return left - max(0, room) > 0

    def _counted(self) -> int:
        """Trials that were made: one that a stop cut short is made again, and counts then."""
        return sum(
            1 for known in self.study.trials()
            if PARAMS in known.user_attrs and "again" not in known.user_attrs and known.state.name != "WAITING"
        )  # fmt: skip

    def _start(self, trials: "list[optuna.Trial]") -> None:
        """Launch each trial's job, unless it is there already. The id comes first, into the study."""
        new: list[JobRequest] = []
        for trial in trials:
            job_id = str(trial.user_attrs.get(JOB) or _free_id(self.workspace, {one.job_id for one in new}))
            trial.set_user_attr(JOB, job_id)
            folder = JobFolder(self.workspace.jobs_dir / job_id)
            params = dict(trial.user_attrs[PARAMS])
            if not folder.path.exists():
                new.append(self._request(trial.number, params, job_id))
            self.running[trial.number] = Running(trial, folder, GrowingRecords(folder.progress_file))
            self.report.begun(trial.number, params, job_id)
        if new:
            launch_all(self.workspace, self.plan, new)
        self.report.write()

    def _request(self, number: int, params: dict[str, str], job_id: str) -> JobRequest:
        command, run_name = self.spec.trial_command(self.plan, number, params)
        shown = " ".join(f"{name}={text}" for name, text in params.items())
        env = {**self.plan.env, **self.parent.environment(number)}
        cwd = Path(self.spec.cwd) if self.spec.cwd else self.workspace.root
        return JobRequest(
            command, f"{self.spec.name} {number}: {shown}", run_name, False, cwd, env, self.plan.name, params, job_id
        )

    def _look(self) -> None:
        """Read what the running trials say; tell Optuna."""
        ask_engines(self.workspace, _ENGINE_SECONDS)
        for number, one in list(self.running.items()):
            # The state first: what a job said before it ended is then read with it.
            job = load_job(one.folder)
            self._read(one)
            if not one.pruned and job.state == "running" and one.steps and one.trial.should_prune():
                one.pruned = True
                _say(f"trial {number}: pruned at step {max(one.steps)}")
                stop_job(self.workspace, one.folder.id, wait=False)
            if job.active:
                self.report.goes_on(number, job, one.value, one.step)
            else:
                del self.running[number]
                self._ended(number, one, job)
        self.report.write()

    def _read(self, one: Running) -> None:
        for record in one.records.poll():
            value = (record.get("metrics") or {}).get(self.spec.metric)
            step = int(record.get("epoch") or len(one.steps) + 1)
            if not isinstance(value, int | float) or not math.isfinite(value) or step in one.steps:
                continue
            one.steps.add(step)
            one.trial.report(float(value), step)
            if one.value is None or (value < one.value if self.spec.minimised else value > one.value):
                one.value, one.step = float(value), step

    def _ended(self, number: int, one: Running, job: JobSnapshot) -> None:
        state = "pruned" if one.pruned else "done" if job.state == "done" and one.value is not None else "failed"
        self.study.tell(number, state, one.value)
        self.report.ended(number, state, job, one.value, one.step)
        why = f" ({job.note or f'it logged no {self.spec.metric}'})" if state == "failed" else ""
        shown = "" if one.value is None else f" {self.spec.metric} {one.value:.6g} at step {one.step}"
        _say(f"trial {number}: {state}{shown}{why}; {self.report.best_words(self.spec)}")
        self.parent.best(self.report.best(self.spec), number)
        states = self.report.ended_states()
        if len(states) >= _FAILURES and set(states) == {"failed"}:
            raise JobError(f"the first {len(states)} trials failed, so something is wrong with all of them",
                           f"`edm jobs attach {job.id[-4:]} --from-start` shows the last one's log.")  # fmt: skip

    def _stop(self) -> None:
        """Stop what runs, and note that it is to be made again when the sweep goes on."""
        for number, one in self.running.items():
            one.trial.set_user_attr("again", True)
            self.study.tell(number, "failed")
            self.study.again(one.trial.params)
            self.report.dropped(number)
            stop_job(self.workspace, one.folder.id, wait=False)
        self.report.write()
        _say(f"stopped; `edm sweep --resume {self.spec.name}` goes on")

    def _end(self) -> int:
        self.report.write()
        self.parent.end("KILLED" if self.stopping else "FINISHED")
        if not self.stopping:
            _say(f"sweep {self.spec.name} is done: {self.report.best_words(self.spec)}")
        return 128 + signal.SIGTERM if self.stopping else 0


def _free_id(workspace: Workspace, taken: set[str]) -> str:
    while (made := new_job_id(time.time())) in taken or (workspace.jobs_dir / made).exists():
        time.sleep(0.001)
    return made


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - stdout is the job's log


def main(argv: list[str]) -> int:
    """Drive the sweep of this folder until its end, or until SIGTERM."""
    folder = Path(argv[0])
    driver: Driver | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        if driver is None:
            sys.exit(128 + number)
        driver.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        driver = Driver(folder, find_workspace(folder))
        return driver.run()
    except (EdmError, NotFoundError) as error:
        _say(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        if driver is not None:
            driver.report.write()
            driver.parent.end("FAILED")
        return 1


if __name__ == "__main__":
    os.chdir(find_workspace(Path(sys.argv[1])).root)
    sys.exit(main(sys.argv[1:]))
