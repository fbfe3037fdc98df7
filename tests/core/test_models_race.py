"""Several people promote at once: one wins, the others are told, and nothing is left half done."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.actions.model_history import history
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace
from tests.support.postgres import missing, postgres
from tests.support.registry import make_versions, make_workspace, stages_of
from tests.support.servers import served

# Imports first, then all start on the same line: what is raced is the promotion, not the start of Python.
_PROMOTE = """
import json, sys
import mlflow
from edm_core.actions.promote import promote
from edm_core.errors import EdmError
from edm_core.workspace import find_workspace
workspace = find_workspace()
print("ready", flush=True)
sys.stdin.readline()
try:
    promote(workspace, "EDMModel", int(sys.argv[1]), "Production")
    print(json.dumps(""))
except EdmError as error:
    print(json.dumps(error.message))
"""


def _race(workspace: Workspace) -> None:
    make_versions(workspace, 3)
    env = {**os.environ, "MLFLOW_TRACKING_URI": workspace.tracking_uri}
    people = [
        subprocess.Popen(
            [sys.executable, "-c", _PROMOTE, str(number)], cwd=workspace.root, text=True, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    for person in people:
        assert person.stdout is not None
        assert person.stdout.readline() == "ready\n"
    for person in people:
        assert person.stdin is not None
        person.stdin.write("go\n")
        person.stdin.flush()
    told = [json.loads(person.communicate(timeout=240)[0]) for person in people]
    assert [person.returncode for person in people] == [0, 0, 0]

    stages = stages_of(workspace)
    (winner,) = [number for number, (stage, _) in stages.items() if stage == "Production"]
    assert stages[winner][1] == ("production",)
    assert all(aliases == () for number, (_, aliases) in stages.items() if number != winner)
    assert told[winner - 1] == ""
    assert [message for message in told if message and "at the same moment" not in message] == []
    assert {made.version for made in history(list_versions(workspace, "EDMModel"))} == {1, 2, 3}


def test_one_of_three_at_once_stands_and_every_move_is_in_the_history(tmp_path: Path) -> None:
    _race(make_workspace(tmp_path / "work"))


@pytest.mark.proof
def test_it_is_so_on_postgresql_and_behind_a_server(tmp_path: Path) -> None:
    if missing():
        pytest.skip(missing())
    here = make_workspace(tmp_path / "work")
    with postgres() as database:
        _race(_at(here, database))
    with served(f"sqlite:///{tmp_path / 'server.db'}", tmp_path) as server:
        _race(_at(here, server))


def _at(here: Workspace, uri: str) -> Workspace:
    return Workspace(here.root, replace(here.settings, tracking=replace(here.settings.tracking, uri=uri)))
