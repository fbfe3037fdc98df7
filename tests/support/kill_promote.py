"""Run a verb of the registry again and again on copies of a workspace, each time killed with SIGKILL at another moment.

    python -m tests.support.kill_promote WORKSPACE promote|rollback FRACTION...

Each FRACTION (0 to 1) is a moment on the way from the journal's entry to the verb's last function call, for before it
nothing is written. The copies are WORKSPACE-0, WORKSPACE-1 and so on. MLflow is imported once; each trial is a fork.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from edm_core.journal import Entry, Journal
from edm_core.settings import load_settings
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace


def main() -> None:
    import mlflow  # noqa: F401

    from edm_core.actions.promote import promote
    from edm_core.actions.rollback import rollback

    root, verb = Path(sys.argv[1]), sys.argv[2]

    def act(workspace: Workspace) -> None:
        if verb == "rollback":
            rollback(workspace, "EDMModel", reason="because")
        else:
            promote(workspace, "EDMModel", 2, "Production", reason="because")

    total = _count(root, act)
    print(total)
    for number, fraction in enumerate(sys.argv[3:]):
        status = _trial(root, f"{root}-{number}", act, 1 + int(float(fraction) * total))
        assert os.WIFSIGNALED(status), f"trial {number} came to its end"


def _from_the_journal_on(root: Path, act: Callable[[Workspace], None], profile: Callable[..., None]) -> None:
    workspace = Workspace(root, load_settings(root, {}))
    # Opening the store takes a million calls and writes nothing.
    mlflow_client(workspace).search_registered_models()
    begin = Journal.begin

    def armed(self: Journal, verb: str, target: str, **data: Any) -> Entry:
        sys.setprofile(profile)
        return begin(self, verb, target, **data)

    Journal.begin = armed  # type: ignore[method-assign]
    act(workspace)


def _count(root: Path, act: Callable[[Workspace], None]) -> int:
    """How many calls the verb makes when nobody disturbs it."""
    reader, writer = os.pipe()
    copy = Path(f"{root}-whole")
    shutil.copytree(root, copy)
    if os.fork() == 0:
        seen = 0

        def count(_frame: FrameType, _event: str, _arg: Any) -> None:
            nonlocal seen
            seen += 1

        _from_the_journal_on(copy, act, count)
        sys.setprofile(None)
        os.write(writer, str(seen).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        total = int(said.read())
    os.wait()
    return total


def _trial(root: Path, copy: str, act: Callable[[Workspace], None], moment: int) -> int:
    shutil.copytree(root, copy)
    if os.fork() == 0:
        left = moment

        def kill(_frame: FrameType, _event: str, _arg: Any) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        _from_the_journal_on(Path(copy), act, kill)
        os._exit(0)
    return os.wait()[1]


if __name__ == "__main__":
    main()
