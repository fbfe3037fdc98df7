"""`mlflow server` on loopback, and workspaces whose runs are behind another URI."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from edm_core.settings import load_settings
from edm_core.workspace import Workspace
from tests.support.postgres import free_port, missing, postgres
from tests.support.stores import new_workspace

START_SECONDS = 120
KINDS = ("SQLite", "PostgreSQL", "server on SQLite", "server on PostgreSQL", "folder")
"""Of stores that MLflow has."""


def at(workspace: Workspace, uri: str) -> Workspace:
    """The same workspace, its runs behind another URI."""
    return Workspace(workspace.root, load_settings(workspace.root, {"MLFLOW_TRACKING_URI": uri}))


@contextmanager
def store_of_kind(kind: str, root: Path) -> Iterator[Workspace]:
    """An empty workspace on an empty store; the test is skipped where the store cannot be had."""
    workspace = new_workspace(root)
    with ExitStack() as stack:
        if "PostgreSQL" in kind:
            if missing():
                pytest.skip(missing())
            workspace = at(workspace, stack.enter_context(postgres()))
        if kind.startswith("server"):
            workspace = at(workspace, stack.enter_context(served(workspace.tracking_uri, workspace.root)))
        yield at(workspace, (root / "mlruns").as_uri()) if kind == "folder" else workspace


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
