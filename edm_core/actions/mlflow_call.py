"""Calls of MLflow's client that change something are written down, as lines of Python that do the same."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from edm_core.commandlog import record_command
from edm_core.errors import EdmError
from edm_core.workspace import Workspace


@contextmanager
def logged_call(workspace: Workspace, call: str) -> Iterator[None]:
    """Record `MlflowClient().CALL` in the command log with its duration and how it ended."""
    argv = ["python", "-c", f"from mlflow import MlflowClient; MlflowClient().{call}"]
    started = time.time()
    try:
        yield
    except EdmError as error:
        record_command(workspace.command_log_path, argv, workspace.root, started, 1, error.message)
        raise
    record_command(workspace.command_log_path, argv, workspace.root, started, 0)
