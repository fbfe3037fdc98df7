"""The registry on PostgreSQL and behind an `mlflow server`, and a large one on SQLite."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.actions.aliases import delete_alias, set_alias
from edm_core.actions.load_check import loads
from edm_core.actions.model_download import download, resolve, verify, verify_in_store
from edm_core.actions.model_history import history
from edm_core.actions.promote import demote, promote
from edm_core.actions.register import register
from edm_core.actions.rollback import rollback
from edm_core.commandlog import read_commands
from edm_core.stores.models import list_versions, version_labels
from edm_core.workspace import Workspace
from tests.support.loading import load_elsewhere, output_of
from tests.support.many_versions import many_versions
from tests.support.postgres import missing, postgres
from tests.support.registry import make_run, make_workspace, stages_of
from tests.support.servers import served

NAME = "EDMModel"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database server for the whole module, since to start one takes seconds; SQLite where there is none."""
    if missing():
        yield f"sqlite:///{tmp_path_factory.mktemp('database') / 'server.db'}"
        return
    with postgres() as uri:
        yield uri


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An `mlflow server` on that database."""
    with served(database, tmp_path_factory.mktemp("server")) as uri:
        yield uri


def _at(root: Path, store: str, model: str) -> Workspace:
    """A workspace whose runs and models are in `store`, under a name of their own."""
    here = make_workspace(root, f'model = "{model}"')
    return Workspace(here.root, replace(here.settings, tracking=replace(here.settings.tracking, uri=store)))


def _whole_life(workspace: Workspace, elsewhere: Path) -> None:
    """Register, promote, alias, read, load, download and roll back, as every store must do it."""
    name = workspace.settings.registry.model
    rows = [make_run(workspace, f"run{seed}", seed=seed, boundary_f1=0.5 + seed / 10) for seed in (1, 2)]
    for row in rows:
        register(workspace, row)
    promote(workspace, name, 1, "Production")
    promote(workspace, name, 2, "Production", reason="hears more")
    set_alias(workspace, name, "champion", 2)
    set_alias(workspace, name, "challenger", 1)
    delete_alias(workspace, name, "challenger")
    assert stages_of(workspace) == {1: ("Archived", ()), 2: ("Production", ("champion", "production"))}
    newest, oldest = list_versions(workspace, name)
    assert (newest.aliases, oldest.aliases) == (("champion", "production"), ())
    assert [one.version for one in list_versions(workspace, name, limit=1)] == [2]
    assert version_labels(workspace)[newest.run_id] == "v2 Production @champion"
    uris = [f"models:/{name}/Production", f"models:/{name}/2", f"models:/{name}@champion", f"models:/{name}/1"]
    seen = load_elsewhere(workspace, elsewhere, *uris)
    best = [output_of(workspace.root / row.run_dir / "checkpoints/best.pt") for row in rows]
    for uri, wanted in zip(uris, (best[1], best[1], best[1], best[0]), strict=True):
        assert seen[uri] == pytest.approx(wanted, abs=1e-4)
    download(workspace, resolve(workspace, name, "Production"), elsewhere / "model")
    verify(elsewhere / "model")
    verify_in_store(workspace, newest)
    rollback(workspace, name)
    assert stages_of(workspace) == {1: ("Production", ("production",)), 2: ("Archived", ("champion",))}
    demote(workspace, name, 1)
    assert stages_of(workspace)[1] == ("Staging", ("staging",))
    kinds = [made.kind for made in history(list_versions(workspace, name))]
    assert kinds == ["demote", "rollback", "promote", "promote"]


def test_all_of_it_works_on_postgresql(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing():
        pytest.skip(missing())
    workspace = _at(tmp_path / "work", database, "OnDatabase")
    monkeypatch.chdir(workspace.root)
    _whole_life(workspace, tmp_path / "elsewhere")
    # Whoever stood there was archived in the same transaction, not by a second one.
    told = [record.command for record in read_commands(workspace.command_log_path)]
    assert not [command for command in told if "Archived" in command]


def test_all_of_it_works_behind_a_server(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = _at(tmp_path / "work", server, "OnServer")
    monkeypatch.chdir(workspace.root)
    _whole_life(workspace, tmp_path / "elsewhere")


@pytest.fixture(params=["server on SQLite", "folder"])
def other_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield (tmp_path / "mlruns").as_uri()
        return
    with ExitStack() as stack:
        yield stack.enter_context(served(f"sqlite:///{tmp_path / 'server.db'}", tmp_path))


@pytest.mark.proof
def test_all_of_it_works_on_other_stores(tmp_path: Path, other_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = _at(tmp_path / "work", other_store, NAME)
    monkeypatch.chdir(workspace.root)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    _whole_life(workspace, tmp_path / "elsewhere")
    assert loads(workspace, list_versions(workspace, NAME)[0]) == (True, "loads and predicts")


def test_two_thousand_versions_need_no_two_thousand_reads(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "work")
    many_versions(workspace.root / "mlflow.db", 2000, tags=10)
    statements: list[str] = []
    real = sqlite3.connect

    def counting(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = real(*args, **kwargs)  # type: ignore[call-overload]
        connection.set_trace_callback(statements.append)
        return connection  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("edm_core.stores.models.sqlite3.connect", counting)
        found = list_versions(workspace, NAME)
    assert [found[0].version, len(found), len(found[0].tags)] == [2000, 2000, 11]
    assert len(statements) <= 8
    assert [version.version for version in list_versions(workspace, NAME, limit=3)] == [2000, 1999, 1998]
    assert len(version_labels(workspace)) == 2000
