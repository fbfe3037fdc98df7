"""Stores that are read through MLflow's client: a server, a `file:` folder, a server that is not there."""

import math
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edm_core.errors import StoreError
from edm_core.jobs.mlflow_progress import MlflowProgress
from edm_core.jobs.mlflow_watch import runs_now
from edm_core.stores import client_tracking, rest_session
from edm_core.stores.http_tracking import HttpTracking
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.runs import change_token, find_run, list_experiments, load_detail, load_runs
from edm_core.stores.tracking import open_tracking, store_label
from edm_core.workspace import Workspace
from tests.support.postgres import free_port
from tests.support.servers import at, served
from tests.support.stores import log_run, many_kinds, new_workspace


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = new_workspace(tmp_path_factory.mktemp("served") / "ws")
    many_kinds(workspace)
    return workspace


@pytest.fixture(scope="module")
def server(local: Workspace) -> Iterator[str]:
    with served(local.tracking_uri, local.root) as address:
        yield address


def test_a_server_says_what_the_file_says(local: Workspace, server: str) -> None:
    far = at(local, server)
    assert isinstance(open_tracking(far), HttpTracking)
    here, there = load_runs(local), load_runs(far)
    assert there.store == server
    assert repr(list(there.rows)) == repr(list(here.rows))
    detail = load_detail(far, find_run(far, "plain"))
    assert repr(detail) == repr(load_detail(local, find_run(local, "plain")))
    assert [e.name for e in list_experiments(far)] == ["Default", "edm-training", "other"]
    assert change_token(far) != change_token(local)


def test_a_load_asks_for_a_bounded_number_of_series(
    local: Workspace, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_tracking._cache.clear()
    monkeypatch.setattr(rest_session, "needs_mlflow", lambda: True)
    monkeypatch.setattr(client_tracking, "SERIES_PER_LOAD", 2)
    far = at(local, server)
    known = []
    for _ in range(6):
        rows = load_runs(far).rows
        known.append(sum(bool(metric.spark) for row in rows for metric in row.metrics.values()))
    assert known == [2, 4, 6, 8, 8, 8]


def test_a_folder_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # mlflow_client sets it for this process, so that the folder is opened as found.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    workspace = new_workspace(tmp_path / "ws")
    workspace = at(workspace, (workspace.root / "mlruns").as_uri())
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace)
    log_run(client, home, "one", start=1000, metrics={"val_loss": [(0, 0.5), (1, 0.25), (2, 0.5)]}, params={"lr": 1})
    log_run(client, home, "two", start=2000, status="FAILED")
    snapshot = load_runs(workspace)
    assert snapshot.store == "file:mlruns"
    assert f"mlflow migrate-filestore --source {workspace.root / 'mlruns'}" in snapshot.notice
    assert [(row.name, row.status) for row in snapshot.rows] == [("two", "FAILED"), ("one", "FINISHED")]
    assert snapshot.rows[1].metrics["val_loss"].best == 0.25
    assert find_run(workspace, "on").params == {"lr": "1"}


def test_a_supervisor_sees_the_runs_of_its_job_on_a_server(tmp_path: Path, local: Workspace, server: str) -> None:
    client = mlflow_client(at(local, server))
    experiment = client.create_experiment(f"job-{tmp_path.name}")
    run = client.create_run(experiment, tags={"edm.job_id": "the-job"}, run_name="far").info.run_id
    client.log_param(run, "epochs", "7")
    client.log_metric(run, "loss", float("nan"), step=3)
    client.log_metric(run, "top", float("inf"), step=2)
    (seen,) = runs_now(server, "the-job")
    assert (seen.run_id, seen.name, seen.params) == (run, "far", {"epochs": "7"})
    assert math.isnan(seen.metrics["loss"].value)
    assert (seen.metrics["top"].value, seen.metrics["top"].step) == (math.inf, 2)
    assert [record["epochs"] for record in MlflowProgress(server, "the-job", {}).poll()[1]] == [7, 7]
    assert runs_now(server, "another-job") == []
    assert runs_now("http://127.0.0.1:9", "the-job") == []


def test_a_server_that_is_not_there_is_told_in_seconds(local: Workspace) -> None:
    far = at(local, f"http://user:secret@127.0.0.1:{free_port()}")
    with pytest.raises(StoreError, match="does not answer") as caught:
        load_runs(far)
    assert "server" in caught.value.hint
    assert "secret" not in caught.value.message


def test_a_database_that_is_not_there_is_told_in_seconds(local: Workspace) -> None:
    with pytest.raises(StoreError, match="no database answers at 127") as caught:
        load_runs(at(local, f"postgresql://ada:secret@127.0.0.1:{free_port()}/mlflow"))
    assert "secret" not in caught.value.message


def test_a_server_that_never_answers_is_given_up(local: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        far = at(local, f"http://127.0.0.1:{silent.getsockname()[1]}")
        failed: list[StoreError] = []

        def ask() -> None:
            try:
                load_runs(far)
            except StoreError as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(timeout=60)
        assert not asking.is_alive()
    assert len(failed) == 1


@pytest.mark.parametrize(
    ("uri", "label"),
    [
        ("postgresql://ada:secret@db.example:5432/mlflow?sslmode=require", "postgresql://db.example:5432/mlflow"),
        ("https://ada:secret@mlflow.example/team/", "https://mlflow.example/team"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////elsewhere/mlflow.db", "sqlite:/elsewhere/mlflow.db"),
    ],
)
def test_labels_hold_no_password(local: Workspace, uri: str, label: str) -> None:
    assert store_label(at(local, uri)) == label
