"""Training in processes that are killed at a chosen moment, without paying for the imports each time.

A moment is the end of a write, a flush to disk, a rename, a batch, or a call to MLflow that changes something.
`Killer` starts one process that imports what training needs and forks a child for each training; the child counts
its moments and kills itself with SIGKILL at the one it was given, so nothing of it can clean up.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from edm_core.training.config import TrainingConfig
from tests.support.tracks import REPOSITORY, clean_env


class Killer:
    """Runs trainings in children of one warm process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def train(self, root: Path, config: TrainingConfig, kill_at: int = 0) -> tuple[int, int]:
        """Train; returns (exit status, number of moments). Minus 9 and 0 when it was killed at moment `kill_at`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        values = {**config.to_dict(), "resume": config.resume}
        self._process.stdin.write(json.dumps({"root": str(root), "config": values, "kill_at": kill_at}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return int(answer["status"]), int(answer["moments"])


@contextlib.contextmanager
def killer() -> Iterator[Killer]:
    """A warm process; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.kill_training"],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_env(),
    )  # fmt: skip
    try:
        yield Killer(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


class _Moments:
    """Counts moments, and ends the process at the given one."""

    def __init__(self, kill_at: int) -> None:
        self.count = 0
        self.kill_at = kill_at

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self.count += 1
            if self.count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted


def _child(request: dict[str, Any], report: int) -> None:
    from mlflow.tracking import MlflowClient

    from edm_core.training.config import from_dict
    from edm_core.training.progress import Progress
    from edm_core.training.session import train
    from edm_core.workspace import find_workspace

    moments = _Moments(request["kill_at"])
    os.fsync = moments.after(os.fsync)
    os.write = moments.after(os.write)
    os.mkdir = moments.after(os.mkdir)
    os.rename = os.replace = moments.after(os.replace)
    Progress.batch = moments.after(Progress.batch)  # type: ignore[method-assign]
    for name in ("create_run", "log_batch", "set_tag", "update_run", "log_artifact", "set_terminated"):
        setattr(MlflowClient, name, moments.after(getattr(MlflowClient, name)))
    config = replace(from_dict(request["config"]), resume=request["config"]["resume"])
    with Path(os.devnull).open("w") as silent:
        train(config, find_workspace(Path(request["root"])), stream=silent)
    os.kill = lambda *_: None
    count = moments.count
    os.write(report, str(count).encode())


def _fork(request: dict[str, Any]) -> dict[str, int]:
    reader, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.chdir(request["root"])
            _child(request, report)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(report)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reader) as said:
        moments = said.read()
    return {"status": os.waitstatus_to_exitcode(status), "moments": int(moments or 0)}


def _serve() -> None:
    import lightning_fabric  # noqa: F401
    import mir_eval  # noqa: F401
    import mlflow  # noqa: F401
    import sqlalchemy  # noqa: F401
    from tensorboard.summary.writer import event_file_writer  # noqa: F401

    import edm_core.training.trainer  # noqa: F401
    from edm_core.stores.mlflow_client import quiet_mlflow

    quiet_mlflow()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
