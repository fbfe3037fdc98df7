"""The registry on PostgreSQL and behind an `mlflow server`, and a large one on SQLite."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edm_core.actions.aliases import set_alias
from edm_core.actions.load_check import loads
from edm_core.actions.model_history import history
from edm_core.actions.promote import promote
from edm_core.actions.register import register
from edm_core.actions.rollback import rollback
from edm_core.stores.models import list_versions, version_labels
from edm_core.workspace import Workspace
from tests.support.postgres import free_port, missing, postgres
from tests.support.registry import make_run, make_versions, make_workspace, stages_of

NAME = "EDMModel"


@pytest.fixture(params=["server on SQLite", "server on PostgreSQL", "PostgreSQL", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URI of an empty MLflow store of each kind."""
    if request.param == "folder":
        yield (tmp_path / "mlruns").as_uri()
        return
    with ExitStack() as stack:
        backend = f"sqlite:///{tmp_path / 'server.db'}"
        if "PostgreSQL" in request.param:
            if missing():
                pytest.skip(missing())
            backend = stack.enter_context(postgres())
        yield stack.enter_context(_served(backend, tmp_path)) if "server" in request.param else backend


@contextmanager
def _served(backend: str, folder: Path) -> Iterator[str]:
    """An `mlflow server` on `backend`; its artifacts go through it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", backend, "--artifacts-destination",
         str(folder / "artifacts"), "--port", str(port), "--workers", "1"],
        cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not come up")


@pytest.mark.proof
def test_all_of_it_works_on_other_stores(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make_workspace(tmp_path / "work")
    monkeypatch.chdir(here.root)
    tracking = replace(here.settings.tracking, uri=store)
    workspace = Workspace(here.root, replace(here.settings, tracking=tracking))
    for seed in (1, 2):
        register(workspace, make_run(workspace, f"run{seed}", seed=seed, boundary_f1=0.5 + seed / 10))
    promote(workspace, NAME, 1, "Production")
    promote(workspace, NAME, 2, "Production", reason="hears more")
    set_alias(workspace, NAME, "champion", 2)
    assert stages_of(workspace) == {1: ("Archived", ()), 2: ("Production", ("champion", "production"))}
    newest, oldest = list_versions(workspace, NAME)
    assert (newest.aliases, oldest.aliases) == (("champion", "production"), ())
    assert version_labels(workspace)[newest.run_id] == "v2 Production @champion"
    assert loads(workspace, newest) == (True, "loads and predicts")
    rollback(workspace, NAME)
    assert [made.kind for made in history(list_versions(workspace, NAME))] == ["rollback", "promote", "promote"]


def test_two_thousand_versions_need_no_two_thousand_reads(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "work")
    make_versions(workspace, 1)
    with closing(sqlite3.connect(workspace.root / "mlflow.db")) as store, store:
        store.execute("DELETE FROM model_versions")
        store.executemany(
            "INSERT INTO model_versions (name, version, creation_time, current_stage, source, run_id, status)"
            " VALUES (?, ?, ?, 'None', 's', ?, 'READY')",
            [(NAME, number, number, f"run{number}") for number in range(1, 2001)],
        )
        store.executemany(
            "INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)",
            [(NAME, number, f"tag{key}", "x" * 100) for number in range(1, 2001) for key in range(10)],
        )
    statements: list[str] = []
    real = sqlite3.connect

    def counting(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = real(*args, **kwargs)  # type: ignore[call-overload]
        connection.set_trace_callback(statements.append)
        return connection  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("edm_core.stores.models.sqlite3.connect", counting)
        found = list_versions(workspace, NAME)
    assert [found[0].version, len(found), len(found[0].tags)] == [2000, 2000, 10]
    assert len(statements) <= 8
    assert [version.version for version in list_versions(workspace, NAME, limit=3)] == [2000, 1999, 1998]
    assert len(version_labels(workspace)) == 2000
