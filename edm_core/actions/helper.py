"""Heavy imports in processes of their own, begun before they are needed: MLflow's client, torch's look at best.pt."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edm_core.actions.keep_plan import check_loads
from edm_core.errors import ActionError, StoreError
from edm_core.gitrepo import child_env
from edm_core.workspace import Workspace

SetTags = Callable[[str, Mapping[str, str | None]], None]
"""Set or delete (None) these tags of a run. Raises StoreError."""


class Helper:
    """One helper process; it ends when this is closed, or when this process dies."""

    def __init__(self, root: Path, job: str) -> None:
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed with the helper
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "edm_core.actions.helper_child", job], cwd=root, env=child_env(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip

    def ask(self, **asked: Any) -> Mapping[str, str]:
        """{} when it was done, else {"message": …, "hint": …}. Raises StoreError when the helper died."""
        line = ""
        if self._child.stdin is not None and self._child.stdout is not None:
            with suppress(BrokenPipeError):
                self._child.stdin.write(json.dumps(asked) + "\n")
                self._child.stdin.flush()
            line = self._child.stdout.readline()
        if not line:
            self._child.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or [f"exit status {self._child.returncode}"])[-1]
            raise StoreError(f"a process beside this one died: {last[:300]}", "Try again; `edm doctor` looks further.")
        answer: Mapping[str, str] = json.loads(line)
        return answer

    def close(self) -> None:
        # Nothing of it is under way: every question is waited for.
        self._child.kill()
        self._child.communicate()
        self._errors.close()


@contextmanager
def tags_helper(workspace: Workspace) -> Iterator[SetTags]:
    """Import MLflow's client meanwhile, in another process; what it yields sets tags through it."""
    helper = Helper(workspace.root, "tags")

    def set_them(run_id: str, tags: Mapping[str, str | None]) -> None:
        failed = helper.ask(run_id=run_id, tags=dict(tags))
        if failed:
            raise StoreError(failed["message"], failed["hint"])

    try:
        yield set_them
    finally:
        helper.close()


@contextmanager
def checking(workspace: Workspace, checkpoint: Path | None) -> Iterator[Callable[[], None]]:
    """Load the checkpoint meanwhile, in another process; what it yields waits and raises ActionError if it does not."""
    if checkpoint is None or "torch" in sys.modules:
        yield lambda: check_loads(checkpoint) if checkpoint else None
        return
    helper = Helper(workspace.root, "check")

    def result() -> None:
        failed = helper.ask(checkpoint=str(checkpoint))
        if failed:
            raise ActionError(failed["message"], failed["hint"])

    try:
        yield result
    finally:
        helper.close()
