"""Promote and rollback killed at seeded moments: Production names one loadable version, history is whole or absent."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.actions.model_history import history
from edm_core.actions.promote import mend_interrupted, promote
from edm_core.actions.register import register
from edm_core.journal import Journal
from edm_core.settings import load_settings
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace
from tests.support.registry import make_run, make_workspace, stages_of

NAME = "EDMModel"
REPOSITORY = Path(__file__).parents[2]


def _prepared(root: Path, verb: str) -> Workspace:
    """v1 in Production and v2 beside it; for a rollback v2 has taken v1's place."""
    workspace = make_workspace(root)
    for seed in (1, 2):
        register(workspace, make_run(workspace, f"run{seed}", seed=seed))
    promote(workspace, NAME, 1, "Production")
    if verb == "rollback":
        promote(workspace, NAME, 2, "Production")
    return workspace


def _check(root: Path, verb: str) -> bool:
    """Whether the interrupted move happened; all that must hold either way is asserted."""
    import mlflow.pytorch

    workspace = Workspace(root, load_settings(root, {}))
    moved_version = 1 if verb == "rollback" else 2
    before = 2 if verb == "rollback" else 1
    moves_before = 2 if verb == "rollback" else 1
    in_production = [n for n, (stage, _) in stages_of(workspace).items() if stage == "Production"]
    assert len(in_production) == 1
    mlflow.pytorch.load_model(f"models:/{NAME}/Production")
    mlflow.pytorch.load_model(f"models:/{NAME}@production")

    mend_interrupted(workspace)

    stages = stages_of(workspace)
    moved = stages[moved_version][0] == "Production"
    assert in_production == [moved_version if moved else before]
    assert stages[moved_version if moved else before] == ("Production", ("production",))
    moves = history(list_versions(workspace, NAME))
    assert len(moves) == moves_before + moved
    if moved:
        assert (moves[0].kind, moves[0].version, moves[0].reason) == (verb, moved_version, "because")
        assert moves[0].replaced == (before,)
    assert Journal(workspace).unfinished() == []
    assert mend_interrupted(workspace) == ()
    return moved


def _kill_at(tmp_path: Path, verb: str, count: int, seed: int) -> list[bool]:
    root = tmp_path / "work"
    _prepared(root, verb)
    moments = [random.Random(f"{seed}-{number}").random() for number in range(count)]
    subprocess.run(
        [sys.executable, "-m", "tests.support.kill_promote", str(root), verb, *map(str, moments)],
        cwd=REPOSITORY,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        check=True,
    )
    return [_check(Path(f"{root}-{number}"), verb) for number in range(count)]


@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_a_killed_move_is_finished_or_never_was(tmp_path: Path, verb: str) -> None:
    moved = _kill_at(tmp_path, verb, 5, seed=4)
    assert {True, False} == set(moved)


@pytest.mark.proof
@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_a_killed_move_is_finished_or_never_was_at_fifty_moments(tmp_path: Path, verb: str) -> None:
    moved = _kill_at(tmp_path, verb, 50, seed=50)
    assert {True, False} == set(moved)
