"""Real remotes: a folder, sshd on loopback, a server that speaks S3; and a line to them that breaks."""

import contextlib
import getpass
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support import sshd
from tests.support.jobs import wait_for
from tests.support.postgres import free_port
from tests.support.versioning import dvc, edm

MOTO = Path(sys.prefix) / "moto" / "bin" / "python"
GOOGLE = MOTO.with_name("gcp-storage-emulator")
BUCKET = "runs"


@dataclass(frozen=True)
class Remote:
    """An address as DVC takes it, and what `dvc remote modify --local` must know of it."""

    address: str
    options: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def add(self, root: Path, name: str = "far", *, listed: bool = False) -> None:
        """Add it to a workspace; in a clone it is `listed` already, and only lacks what git does not hold."""
        if not listed:
            edm(root, "remote", "add", name, self.address)
        for option, value in self.options.items():
            dvc(root, "remote", "modify", "-q", "--local", name, option, value)

    def through(self, port: int) -> "Remote":
        """The same by another port."""
        old, new = f":{self.port}", f":{port}"
        options = {key: value.replace(old, new) for key, value in self.options.items()}
        return replace(self, address=self.address.replace(old, new), options=options)


@contextlib.contextmanager
def ssh_remote(folder: Path) -> Iterator[Remote]:
    """`folder`, reached through an sshd of its own."""
    if sshd.missing():
        pytest.skip(sshd.missing())
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed")
    with sshd.sshd() as server:
        address = f"ssh://{getpass.getuser()}@127.0.0.1:{server.port}{folder}"
        yield Remote(address, {"keyfile": str(server.folder / "user"), "timeout": "20"}, server.port)


@contextlib.contextmanager
def s3_remote() -> Iterator[Remote]:
    """A bucket on a moto server."""
    if not MOTO.exists():
        pytest.skip("moto is not in .venv/moto (make .venv/moto/installed)")
    pytest.importorskip("dvc_s3", reason="dvc-s3 is not installed")
    port = free_port()
    server = subprocess.Popen(
        [str(MOTO), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(address), "the S3 server")
        with urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"), timeout=20):
            pass
        options = {"endpointurl": address, "access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1"}
        yield Remote(f"s3://{BUCKET}/dvc", options, port)
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def gs_remote() -> Iterator[Remote]:
    """A bucket on an emulator of Google's storage."""
    if not GOOGLE.exists():
        pytest.skip("gcp-storage-emulator is not in .venv/moto (make .venv/moto/installed)")
    pytest.importorskip("dvc_gs", reason="dvc-gs is not installed")
    port = free_port()
    server = subprocess.Popen(
        [str(GOOGLE), "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory", "--default-bucket", BUCKET],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(f"{address}/storage/v1/b/{BUCKET}"), "the GCS server")
        yield Remote(f"gs://{BUCKET}/dvc", {"endpointurl": address, "allow_anonymous_login": "true"}, port)
    finally:
        server.terminate()
        server.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


class BreakingLine:
    """A port that passes everything on to another one, and after so many bytes towards it drops all connections, or
    with `stalls` passes nothing on any more."""

    def __init__(self, target: int, after: int, *, stalls: bool = False) -> None:
        self.target, self.left, self.broken, self.stalls = target, after, False, stalls
        self.stalled = threading.Event()
        self._healed = threading.Event()
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def heal(self) -> None:
        """From now on it passes all that comes."""
        self.left, self.broken = 1 << 60, False
        self._healed.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self._server.close()
        self._healed.set()
        self._drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.broken and not self.stalls:
                client.close()
                continue
            other = socket.create_connection(("127.0.0.1", self.target))
            with self._lock:
                self._open += [client, other]
            for source, sink, counted in ((client, other, True), (other, client, False)):
                threading.Thread(target=self._pass, args=(source, sink, counted), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if counted and self._spent(len(data)):
                    if not self.stalls:
                        self._drop()
                        return
                    self.stalled.set()
                    self._healed.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _spent(self, count: int) -> bool:
        with self._lock:
            self.left -= count
            self.broken = self.broken or self.left < 0
            return self.broken

    def _drop(self) -> None:
        with self._lock:
            dropped, self._open = self._open, []
        for one in dropped:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
