"""TensorBoard on run folders: one process on a free loopback port, which ends with this program however that ends."""

import getpass
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edm_core.errors import ActionError
from edm_core.snapshots.runs import RunRow
from edm_core.stores.event_files import folder_of_events
from edm_core.workspace import Workspace

START_SECONDS = 90
# The shell holds the reading end of a pipe: when its other end closes, because this program is gone, TensorBoard is
# ended; and when TensorBoard ends by itself, so does the shell.
_KEEPER = (
    'exec 3<&0; folder=$1; shift; "$@" </dev/null & board=$!; { read -r _ <&3; kill $board; } & reader=$!; '
    'wait $board; kill $reader 2>/dev/null; rm -rf "$folder"'
)
_ADDRESS = re.compile(r"http://[^\s:]+:(\d+)/")


@dataclass(frozen=True, slots=True)
class Board:
    """A TensorBoard that answers."""

    process: "subprocess.Popen[bytes]"
    port: int
    names: tuple[str, ...]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ssh_line(self) -> str:
        """What to type on the machine where the browser is."""
        return f"ssh -N -L {self.port}:127.0.0.1:{self.port} {getpass.getuser()}@{socket.gethostname()}"

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End it; returns when it is gone."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def with_events(workspace: Workspace, rows: Sequence[RunRow]) -> list[tuple[str, Path]]:
    """(name, folder) of the runs whose folder holds event files; runs of the same name are told apart by their id."""
    found: dict[str, Path] = {}
    for row in rows:
        folder = folder_of_events(workspace, row)
        if folder is not None:
            name = row.name.replace("/", "_") or folder.name
            found[name if name not in found else f"{name} {row.row_id[:8]}"] = folder
    return list(found.items())


def start(folders: Sequence[tuple[str, Path]], seconds: float = START_SECONDS) -> Board:
    """Start TensorBoard on these folders and wait until it says where it answers. Raises ActionError."""
    place = Path(tempfile.mkdtemp(prefix="edm-tensorboard-"))
    runs = place / "runs"
    runs.mkdir()
    for name, folder in folders:
        (runs / name).symlink_to(folder, target_is_directory=True)
    log = place / "log"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(runs), "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", str(place), *command],
            stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + seconds
    told = ""
    while time.monotonic() < until:
        told = log.read_text(errors="replace") if log.exists() else told
        found = _ADDRESS.search(told)
        if found is not None:
            return Board(process, int(found[1]), tuple(name for name, _ in folders))
        if process.poll() is not None:
            break
        time.sleep(0.05)
    Board(process, 0, ()).stop()
    last = next((line for line in reversed(told.splitlines()) if line.strip()), "it said nothing")
    raise ActionError(f"TensorBoard did not start: {last}", "Does `python -m tensorboard.main --version` run here?")
