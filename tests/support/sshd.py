"""An sshd on loopback for the length of a test, with a port, keys and an ssh config of its own."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.jobs import wait_for
from tests.support.postgres import free_port

_SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
HOST = "far"


def missing() -> str:
    """Why no sshd can be started here; "" when one can."""
    absent = [name for name in ("sshd", "ssh", "ssh-keygen") if shutil.which(name, path=_SBIN) is None]
    return f"{', '.join(absent)} not installed (apt-get install openssh-server)" if absent else ""


@dataclass
class Sshd:
    """`config` is what `ssh -F` must name; the host's alias is HOST."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def config(self) -> Path:
        return self.folder / "config"

    def start(self) -> None:
        program = shutil.which("sshd", path=_SBIN)
        assert program is not None
        words = [program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: "listening on" in (self.folder / "log").read_text(), "sshd")

    def drop(self) -> int:
        """Cut every line that is open; how many there were."""
        assert self.process is not None
        lines = [one for one in psutil.Process(self.process.pid).children(recursive=True) if one.name() == "sshd"]
        for line in lines:
            with contextlib.suppress(psutil.NoSuchProcess):
                line.kill()
        return len(lines)

    def die(self) -> None:
        """As a host that is switched off."""
        assert self.process is not None
        self.drop()
        self.process.kill()
        self.process.wait()
        self.drop_log()

    def drop_log(self) -> None:
        (self.folder / "log").write_text("")


@contextlib.contextmanager
def sshd() -> Iterator[Sshd]:
    """A running sshd; it has ended afterwards, and so has the connection that ssh keeps to it."""
    folder = Path(tempfile.mkdtemp(prefix="edm-sshd-"))
    made = Sshd(folder, free_port())
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(
        f"Port {made.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        "Subsystem sftp internal-sftp\n"
    )
    made.config.write_text(
        f"Host {HOST}\n  HostName 127.0.0.1\n  Port {made.port}\n  IdentityFile {folder}/user\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {folder}/known\n  StrictHostKeyChecking no\n  LogLevel ERROR\n"
    )
    try:
        made.start()
        yield made
    finally:
        made.drop()
        assert made.process is not None
        made.process.terminate()
        made.process.wait()
        shutil.rmtree(folder)
