"""What a push or pull under way shows on a terminal, and how it outlives that terminal."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from edm_core.cli.output import human, say
from edm_core.snapshots.transfers import TransferProgress

_WORDS = {"look": "looking what is lacking", "verify": "verifying", "checkout": "checking out", "git": "git"}


class TransferLine:
    """One line on stderr, written over as the transfer goes on; silent where stderr is no terminal, or has gone."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = False

    def say(self, text: str) -> None:
        self._clear()
        self._quietly(lambda: say(text))

    def watch(self, progress: TransferProgress) -> None:
        if self._live and progress.phase != "wait":
            self._quietly(lambda: sys.stderr.write(f"\r\x1b[K{progress_text(progress)}"))
            self._quietly(sys.stderr.flush)
            self._shown = True

    def close(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._shown:
            self._quietly(lambda: sys.stderr.write("\r\x1b[K"))
            self._shown = False

    def _quietly(self, write: Callable[[], object]) -> None:
        """A terminal that has gone is no reason to stop: the folder of the transfer tells the rest."""
        try:
            write()
        except OSError:
            self._live = False


def progress_text(progress: TransferProgress) -> str:
    """`62% 1.1/1.8 GB, 12 files of 20, 84 MB/s, 14 s to go`; the phase's word where there are no bytes."""
    if progress.phase != "data":
        return _WORDS.get(progress.phase, progress.phase)
    share = f"{100 * progress.bytes_done // progress.bytes_total}% " if progress.bytes_total else ""
    text = f"{share}{human(progress.bytes_done)} of {human(progress.bytes_total)}"
    text += f", {progress.files_done} of {progress.files_total} files"
    text += f", {human(int(progress.rate))}/s" if progress.rate else ""
    return text + (f", {progress.eta:.0f} s to go" if progress.eta is not None else "")


@contextmanager
def outliving() -> Iterator[TransferLine]:
    """A closed terminal does not end it, nor git and DVC below it; SIGTERM stops it as Ctrl-C does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.signal(signal.SIGTERM, _interrupt)
    line = TransferLine()
    try:
        yield line
    finally:
        line.close()
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
