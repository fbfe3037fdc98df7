"""How a job ended, where only Slurm can tell: its word for the end, and what it means for the run."""

from pathlib import Path

from edm_core.jobs.ending import Ending
from edm_core.jobs.place import JobFolder
from edm_core.snapshots.jobs import EngineState

_WORDS = {
    "TIMEOUT": "Slurm's time limit was reached",
    "DEADLINE": "Slurm's deadline was reached",
    "OUT_OF_MEMORY": "out of memory, Slurm says",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "PREEMPTED": "Slurm gave its place to another job",
    "LAUNCH_FAILED": "Slurm could not start it",
    "RECONFIG_FAIL": "Slurm could not set its node up",
}
_TAIL = 2000


def ending_word(state: str) -> Ending | None:
    """What a word of Slurm's says of a job that was ended from outside; None where it says nothing more."""
    if state == "CANCELLED":
        return Ending("stopped", note="cancelled in Slurm")
    return Ending("failed", note=_WORDS[state]) if state in _WORDS else None


def ending_by_slurm(folder: JobFolder, state: EngineState) -> Ending:
    """The end of a job whose supervisor has not written one: it never started, or was killed."""
    if folder.stop_file.exists():
        return Ending("stopped", note="stopped before it started" if folder.supervisor() is None else "")
    known = ending_word(state.state)
    if known is not None:
        return known
    if state.phase == "gone":
        return Ending("lost", note="Slurm does not know it any more, and its supervisor has gone")
    if folder.supervisor() is None:
        said = _last_line(folder.path / "supervisor.log")
        return Ending("failed", note=f"its batch script failed ({state.state}){f': {said}' if said else ''}")
    return Ending("lost", note=f"its supervisor was killed; Slurm says {state.state}")


def _last_line(path: Path) -> str:
    try:
        text = path.read_bytes()[-_TAIL:].decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
