"""edm-tui in a terminal of its own: a tmux server that only the test knows, so that it can be taken away."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

PATIENCE = 60.0


class Terminal:
    """80x24 by default. `close`, `kill_server` and `kill_process` are the three ways in which it goes away."""

    def __init__(self, root: Path, width: int = 80, height: int = 24) -> None:
        self._tmux = ["tmux", "-L", f"edm-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        env = {key: value for key, value in os.environ.items() if not key.startswith(("EDM_", "MLFLOW_", "TMUX"))}
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(root),
             sys.executable, "-m", "edm_tui"],
            check=True, env={**env, "LANG": "C.UTF-8", "TERM": "xterm-256color"},
        )  # fmt: skip
        self.pid = int(self._ask("display-message", "-p", "#{pane_pid}"))

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names."""
        self._ask("send-keys", *names)

    def type(self, text: str) -> None:
        self._ask("send-keys", "-l", text)

    def text(self) -> str:
        """What is on screen; "" where there is no terminal any more."""
        return self._ask("capture-pane", "-p")

    def wait_for(self, text: str) -> None:
        """Wait until this is on screen."""
        end = time.monotonic() + PATIENCE
        while text not in (seen := self.text()):
            assert time.monotonic() < end, f"waited {PATIENCE:g} s for {text!r}; on screen was:\n{seen}"
            time.sleep(0.03)

    def kill_process(self) -> None:
        """SIGKILL to the interface itself."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the window, as a terminal emulator or a lost line does: the interface gets SIGHUP."""
        self._ask("kill-pane")

    def kill_server(self) -> None:
        self._ask("kill-server")

    def gone(self) -> bool:
        """Whether the interface has ended."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state in ("Z", "X")

    def _ask(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], check=False, capture_output=True, text=True)
        return done.stdout
