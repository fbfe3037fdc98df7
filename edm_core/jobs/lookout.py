"""What a supervisor finds out while its command runs: the MLflow run, the progress, and what is going wrong."""

import contextlib
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from edm_core.files import append_json_line, write_json
from edm_core.jobs.alarms import Trend, disk_alarm, memory_alarm
from edm_core.jobs.growing import GrowingRecords
from edm_core.jobs.mlflow_progress import SOURCE, MlflowProgress
from edm_core.jobs.place import JobFolder
from edm_core.jobs.progress import last_progress, progress_of
from edm_core.snapshots.jobs import Alarm
from edm_core.workspace import Workspace

_QUICK, _SLOW = 2.0, 10.0
"""Seconds between two looks: at a local store, or while NaN shall stop the job; and otherwise."""


@dataclass
class Lookout:
    """Asked now and then; each look costs milliseconds, and writes only what is new."""

    folder: JobFolder
    job: dict[str, Any]
    workspace: Workspace
    due: float = 0.0
    """When to look again (monotonic seconds)."""
    fatal: str = ""
    """Why the job is to be stopped; "" while it is not."""
    _alarms: list[Alarm] = field(default_factory=list)

    def __post_init__(self) -> None:
        fields = self.job.get("fields")
        self._mlflow = MlflowProgress(
            self.workspace.tracking_uri, self.folder.id, fields if isinstance(fields, dict) else {}
        )
        self._records = GrowingRecords(self.folder.progress_file)
        self._trend = Trend(self.workspace.settings)
        self._own_progress = False
        self.due = time.monotonic() + 1.0

    def look(self, pid: int | None = None) -> None:
        """Look once, if it is time; `pid` is the command's, None once it has ended."""
        if pid is not None and time.monotonic() < self.due:
            return
        # Where nothing can be written (a full disk), the command is watched over all the same.
        with contextlib.suppress(OSError):
            self._follow_mlflow()
        with contextlib.suppress(OSError):
            for record in self._records.poll():
                self._trend.add(progress_of(record))
            self._judge(pid)
        local = self.workspace.tracking_uri.startswith("sqlite:") and not self._own_progress
        quick = local or self.workspace.settings.launch.stop_on_nan
        self.due = time.monotonic() + (_QUICK if quick else _SLOW)

    def _follow_mlflow(self) -> None:
        """A command of somebody else's writes no progress: its metrics in MLflow tell where it is."""
        last = last_progress(self.folder.progress_file)
        self._own_progress = self._own_progress or bool(last and last.get("from") != SOURCE)
        if self._own_progress:
            return
        runs, records = self._mlflow.poll()
        if runs and not self.job.get("run_id"):
            first = runs[0]
            self.job |= {"run_id": first.run_id, "run_name": self.job.get("run_name") or first.name}
            write_json(self.folder.job_file, self.job)
        for record in records:
            append_json_line(self.folder.progress_file, record)

    def _judge(self, pid: int | None) -> None:
        launch = self.workspace.settings.launch
        found = self._trend.alarms()
        if launch.stop_on_nan and any(alarm.kind == "nan" for alarm in found):
            self.fatal = found[0].text
        if pid is not None:
            machine = (disk_alarm(self.workspace.root, launch.warn_disk_gb), memory_alarm(pid))
            found += [alarm for alarm in machine if alarm is not None]
        # What was measured changes all the time: the file changes with the kinds of alarms, and epoch by epoch.
        if [_sense(one) for one in found] != [_sense(one) for one in self._alarms]:
            self._alarms = found
            write_json(self.folder.alarms_file, {"alarms": [asdict(alarm) for alarm in found]})


def _sense(alarm: Alarm) -> tuple[str, str]:
    return alarm.kind, "" if alarm.kind in ("disk", "memory") else alarm.text
