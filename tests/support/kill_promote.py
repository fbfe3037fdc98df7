"""Run a verb of the registry again and again, each time killed with SIGKILL at another moment.

    python -m tests.support.kill_promote FOLDER promote|rollback FRACTION...

Each FRACTION (0 to 1) is a moment on the way from the journal's entry to the verb's last function call, for before it
nothing is written. Trial N has a workspace of its own, FOLDER/N, and works on the registered model `trial-N`; all share
the store that MLFLOW_TRACKING_URI names. `trial-whole` is let alone, to count. MLflow is imported once; each trial is a
fork.
"""

import os
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

    folder, verb = Path(sys.argv[1]), sys.argv[2]
    total = _count(folder, verb)
    print(total)
    for number, fraction in enumerate(sys.argv[3:]):
        status = _trial(folder, verb, str(number), 1 + int(float(fraction) * total))
        assert os.WIFSIGNALED(status), f"trial {number} came to its end"


def trial(folder: Path, which: str) -> tuple[Workspace, str]:
    """The workspace of a trial, and the registered model that it works on."""
    root = folder / which
    root.mkdir(exist_ok=True)
    return Workspace(root, load_settings(root, dict(os.environ))), f"trial-{which}"


def _from_the_journal_on(folder: Path, verb: str, which: str, profile: Callable[..., None]) -> None:
    from edm_core.actions.promote import promote
    from edm_core.actions.rollback import rollback

    workspace, model = trial(folder, which)
    # Opening the store takes a million calls and writes nothing.
    mlflow_client(workspace).search_registered_models()
    begin = Journal.begin

    def armed(self: Journal, verb: str, target: str, **data: Any) -> Entry:
        sys.setprofile(profile)
        return begin(self, verb, target, **data)

    Journal.begin = armed  # type: ignore[method-assign]
    if verb == "rollback":
        rollback(workspace, model, reason="because")
    else:
        promote(workspace, model, 2, "Production", reason="because")


def _count(folder: Path, verb: str) -> int:
    """How many calls the verb makes when nobody disturbs it."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        seen = 0

        def count(_frame: FrameType, _event: str, _arg: Any) -> None:
            nonlocal seen
            seen += 1

        _from_the_journal_on(folder, verb, "whole", count)
        sys.setprofile(None)
        os.write(writer, str(seen).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        total = int(said.read())
    os.wait()
    return total


def _trial(folder: Path, verb: str, which: str, moment: int) -> int:
    if os.fork() == 0:
        left = moment

        def kill(_frame: FrameType, _event: str, _arg: Any) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        _from_the_journal_on(folder, verb, which, kill)
        os._exit(0)
    return os.wait()[1]


if __name__ == "__main__":
    main()
