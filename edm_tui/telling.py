"""Being told that a job has ended: a toast, and the terminal's bell or a desktop notification (OSC 9)."""

from collections.abc import Iterable, Mapping

from edm_core.snapshots.jobs import JobSnapshot
from edm_tui.formatting import clean

BELL = "\a"


class JobWatch:
    """Knows which jobs were seen alive; what ended before the interface was opened (`since`, Unix seconds) is no
    news."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._alive: set[str] = set()
        self._known: set[str] = set()

    def ended(self, jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
        """The jobs that have ended since the last call, the first of them first."""
        found = list(jobs)
        over = [job for job in found if not job.active and (job.id in self._alive or self._was_quick(job))]
        self._alive = {job.id for job in found if job.active}
        self._known = {job.id for job in found}
        return sorted(over, key=lambda job: job.ended or 0.0)

    def _was_quick(self, job: JobSnapshot) -> bool:
        """Whether it came and ended between two looks."""
        return job.created >= self._since and job.id not in self._known


def ending_words(job: JobSnapshot) -> str:
    """`cnn_a: done`, `cnn_a: failed (exit 3), killed by SIGKILL`."""
    code = f" (exit {job.exit_code})" if job.state == "failed" and job.exit_code is not None else ""
    note = f", {job.note}" if job.note and job.state != "done" else ""
    return clean(f"{job.run_name or job.title}: {job.state}{code}{note}")


def signal_text(words: str, how: str, env: Mapping[str, str]) -> str:
    """What is sent to the terminal: `how` is bell, osc9 or off.

    tmux keeps OSC 9 to itself unless it is wrapped (and `allow-passthrough` is on), so the bell, which tmux shows by
    itself, comes with it.
    """
    if how == "off":
        return ""
    if how == "bell":
        return BELL
    notice = f"\x1b]9;{words[:200]}\a"
    if "TMUX" not in env:
        return notice
    doubled = notice.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\{BELL}"
