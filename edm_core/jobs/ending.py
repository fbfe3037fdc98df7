"""How a job ended: exit.json first, so that the user sees it at once, then MLflow."""

import signal
import time
from dataclasses import dataclass

from edm_core.files import write_json
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.hook import run_hook
from edm_core.jobs.mlflow_status import Verdict, settle_runs
from edm_core.jobs.progress import last_progress, text
from edm_core.jobs.states import summary_of
from edm_core.workspace import Workspace

_MLFLOW_STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED", "lost": "KILLED"}
_STOPPING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Ending:
    """`exit_code` is the shell's (128 + number for a signal), None where nobody knows; `signal` a name or ""."""

    state: str
    exit_code: int | None = None
    signal: str = ""
    note: str = ""


def ending_of(code: int, stop_requested: bool) -> Ending:
    """What the return code of subprocess means (negative: a signal)."""
    name = signal.Signals(-code).name if code < 0 else ""
    shell_code = 128 - code if code < 0 else code
    if stop_requested:
        return Ending("stopped", shell_code, name)
    if code == 0:
        return Ending("done", 0)
    if shell_code in (128 + number for number in _STOPPING):
        return Ending("stopped", shell_code, name, "ended from outside")
    if name == "SIGKILL":
        return Ending("failed", shell_code, name, "killed by SIGKILL: out of memory, or by hand")
    return Ending("failed", shell_code, name, f"killed by {name}" if name else "")


def write_ending(folder: JobFolder, ending: Ending) -> float:
    """Write exit.json; the time that it says (Unix seconds). A job that has ended keeps its first ending."""
    ended = time.time()
    if not folder.exit_file.exists():
        write_json(folder.exit_file, {
            "state": ending.state, "exit_code": ending.exit_code, "signal": ending.signal,
            "ended": ended, "note": ending.note, "job": summary_of(folder),
        })  # fmt: skip
    return ended


def tell_mlflow(folder: JobFolder, workspace: Workspace, ending: Ending, ended: float) -> None:
    """End the job's runs that the command left open. Raises JobError when the store is away."""
    status = "KILLED" if ending.signal else _MLFLOW_STATUS[ending.state]
    if ending.state != "done":
        _say_what_is_known(folder, workspace, ending)
    run_id = text(last_progress(folder.progress_file).get("run_id"))
    error = ending.note if ending.state in ("failed", "lost") else ""
    settle_runs(folder, Verdict(workspace.tracking_uri, folder.id, run_id, status, int(ended * 1000), error))


def _say_what_is_known(folder: JobFolder, workspace: Workspace, ending: Ending) -> None:
    """A trainer that was killed could not write its results into metadata.yaml."""
    from edm_core.training.unfinished import fill_actual

    progress = last_progress(folder.progress_file)
    name = text(progress.get("run_name")) or text((folder.read(folder.job_file) or {}).get("run_name"))
    metrics = progress.get("metrics")
    if name and "/" not in name and name not in (".", ".."):
        known = {key: value for key, value in metrics.items() if isinstance(value, int | float)} if metrics else {}
        fill_actual(workspace.runs_dir / name, ending.note or ending.state, known)


def finish(folder: JobFolder, workspace: Workspace, ending: Ending) -> None:
    """Write the end down, tell MLflow, and run the user's `on_end`. Raises JobError when MLflow's store is away."""
    ended = write_ending(folder, ending)
    try:
        tell_mlflow(folder, workspace, ending, ended)
    finally:
        run_hook(folder, workspace)
