"""Promote and rollback killed at seeded moments: Production names one loadable version, history is whole or absent.

On SQLite, on PostgreSQL, and behind an `mlflow server`.
"""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edm_core.actions.model_history import history
from edm_core.actions.promote import mend_interrupted, promote
from edm_core.actions.register import register
from edm_core.journal import Journal
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace
from tests.support.kill_promote import trial
from tests.support.postgres import missing, postgres
from tests.support.registry import make_run, make_workspace, stages_of
from tests.support.servers import at, served

REPOSITORY = Path(__file__).parents[2]
VERBS = ("promote", "rollback")
STORES = ("sqlite", "postgres", "server")


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    """An empty store of this kind."""
    if kind == "postgres":
        if missing():
            pytest.skip(missing())
        with postgres() as uri:
            yield uri
    elif kind == "server":
        with served(f"sqlite:///{folder / 'server.db'}", folder) as uri:
            yield uri
    else:
        yield f"sqlite:///{folder / 'mlflow.db'}"


def _prepare(root: Path, uri: str, folder: Path, verb: str, trials: list[str]) -> None:
    """Models with v1 in Production and v2 beside it, both of which load; for a rollback v2 has taken v1's place."""
    workspace = at(make_workspace(root), uri)
    for seed in (1, 2):
        register(workspace, make_run(workspace, f"run{seed}", seed=seed), model_name="first")
    client = mlflow_client(workspace)
    made = sorted(client.search_model_versions("name='first'"), key=lambda one: int(one.version))
    for which in trials:
        own, model = trial(folder, which)
        client.create_registered_model(model)
        for one in made:
            client.create_model_version(model, one.source, one.run_id, model_id=one.source.removeprefix("models:/"))
        promote(own, model, 1, "Production")
        if verb == "rollback":
            promote(own, model, 2, "Production")


def _check(workspace: Workspace, model: str, verb: str) -> bool:
    """Whether the interrupted move happened; all that must hold either way is asserted."""
    import mlflow.pytorch

    moved_version = 1 if verb == "rollback" else 2
    before = 2 if verb == "rollback" else 1
    moves_before = 2 if verb == "rollback" else 1
    in_production = [n for n, (stage, _) in stages_of(workspace, model).items() if stage == "Production"]
    assert len(in_production) == 1
    mlflow.pytorch.load_model(f"models:/{model}/Production")
    mlflow.pytorch.load_model(f"models:/{model}@production")

    mend_interrupted(workspace)

    stages = stages_of(workspace, model)
    moved = stages[moved_version][0] == "Production"
    assert in_production == [moved_version if moved else before]
    assert stages[moved_version if moved else before] == ("Production", ("production",))
    moves = history(list_versions(workspace, model))
    assert len(moves) == moves_before + moved
    if moved:
        assert (moves[0].kind, moves[0].version, moves[0].reason) == (verb, moved_version, "because")
        assert moves[0].replaced == (before,)
    assert Journal(workspace).unfinished() == []
    assert mend_interrupted(workspace) == ()
    return moved


def _kill_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, verb: str, moments: list[float]
) -> list[bool]:
    folder = tmp_path / "trials"
    folder.mkdir()
    numbers = [str(number) for number in range(len(moments))]
    with _store(store, tmp_path) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        _prepare(tmp_path / "work", uri, folder, verb, ["whole", *numbers])
        subprocess.run(
            [sys.executable, "-m", "tests.support.kill_promote", str(folder), verb, *map(str, moments)],
            cwd=REPOSITORY,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            check=True,
        )
        return [_check(*trial(folder, number), verb) for number in numbers]


def _seeded(count: int, seed: int) -> list[float]:
    return [random.Random(f"{seed}-{number}").random() for number in range(count)]


@pytest.mark.parametrize(("store", "verb"), [("sqlite", "promote"), ("postgres", "promote"), ("server", "rollback")])
def test_a_killed_move_is_finished_or_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, verb: str
) -> None:
    moved = _kill_at(tmp_path, monkeypatch, store, verb, [0.0, *_seeded(4, seed=4)])
    assert {True, False} == set(moved)


@pytest.mark.proof
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("store", STORES)
def test_a_killed_move_is_finished_or_never_was_at_fifty_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, verb: str
) -> None:
    moved = _kill_at(tmp_path, monkeypatch, store, verb, _seeded(50, seed=50))
    assert {True, False} == set(moved)
