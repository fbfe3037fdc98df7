"""A process beside keep, so that a heavy import goes on while DVC and git work, and takes no time from them.

`python -m edm_core.actions.helper_child tags|check` answers each line of JSON on stdin with one on stdout: {} when it
was done, else {"message": …, "hint": …}. It ends with its stdin, so it never outlives who asked for it.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edm_core.errors import EdmError
from edm_core.workspace import find_workspace

_NICE = {"check": 8, "tags": 12}
Act = Callable[[Mapping[str, Any]], None]


def _tagger() -> Act:
    from edm_core.actions.run_tags import set_tags
    from edm_core.stores.mlflow_client import mlflow_client

    client = mlflow_client(find_workspace())
    return lambda asked: set_tags(client, asked["run_id"], asked["tags"])


def _checker() -> Act:
    import torch  # noqa: F401 - the import is what takes long

    from edm_core.actions.keep_plan import check_loads

    return lambda asked: check_loads(Path(asked["checkpoint"]))


def main(job: str) -> None:
    # Libraries print; only answers may reach the asker.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # DVC and git go first; until they are done, nobody waits for these.
    os.nice(_NICE[job])
    try:
        act = _tagger() if job == "tags" else _checker()
    except EdmError as error:
        act = _refusal(error)
    for line in sys.stdin:
        answer = {}
        try:
            act(json.loads(line))
        except EdmError as error:
            answer = {"message": error.message, "hint": error.hint}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _refusal(error: EdmError) -> Act:
    def act(_: Mapping[str, Any]) -> None:
        raise error

    return act


if __name__ == "__main__":
    main(sys.argv[1])
