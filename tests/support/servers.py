"""`mlflow server` on loopback, and workspaces whose runs are behind another URI."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edm_core.settings import load_settings
from edm_core.workspace import Workspace
from tests.support.postgres import free_port

START_SECONDS = 120


def at(workspace: Workspace, uri: str) -> Workspace:
    """The same workspace, its runs behind another URI."""
    return Workspace(workspace.root, load_settings(workspace.root, {"MLFLOW_TRACKING_URI": uri}))


@contextmanager
def served(backend: str, folder: Path, workers: int = 1) -> Iterator[str]:
    """The address of an `mlflow server` on this store; it is gone afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", backend, "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--workers", str(workers)], cwd=folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.2)
