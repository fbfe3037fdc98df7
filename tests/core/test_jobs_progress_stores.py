"""Where a foreign script is, as far as its metrics in a PostgreSQL store or behind an MLflow server tell."""

import sys
from pathlib import Path

import pytest

from edm_core.jobs.local import launch
from edm_core.jobs.mlflow_progress import MlflowProgress
from edm_core.jobs.mlflow_watch import runs_now
from tests.support import jobs as support
from tests.support.jobs import job, processes_ended, wait_for, wait_until
from tests.support.postgres import missing, postgres
from tests.support.servers import served

SCRIPT = """
import os, time, mlflow
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="foreign"):
    mlflow.log_params({"epochs": 3, "lr": 0.1})
    for epoch in (1, 2):
        mlflow.log_metric("val_loss", 1 / epoch, step=epoch)
    mlflow.log_metric("broken", float("nan"), step=2)
    while not os.path.exists("go"):
        time.sleep(0.02)
    mlflow.log_metric("val_loss", 0.1, step=3)
"""


@pytest.mark.skipif(bool(missing()), reason=missing() or "PostgreSQL is here")
def test_a_script_that_logs_to_postgresql_has_epochs_and_so_has_one_behind_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres() as uri:
        workspace = support.make_workspace(tmp_path / "ws", f'[tracking]\nuri = "{uri}"\n')
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        (workspace.root / "theirs.py").write_text(SCRIPT)
        with processes_ended(workspace):
            started = launch(workspace, [sys.executable, "theirs.py"])
            wait_for(lambda: (job(workspace, started.id).progress or None) and job(workspace, started.id).run_id)
            wait_for(lambda: getattr(job(workspace, started.id).progress, "epoch", 0) == 2, "epoch 2")
            seen = job(workspace, started.id)
            assert seen.progress is not None
            assert (seen.progress.epochs, seen.progress.metrics["val_loss"], seen.run_name) == (3, 0.5, "foreign")
            with served(uri, tmp_path) as server:
                behind = MlflowProgress(server, started.id, {})
                runs, records = behind.poll()
                assert (runs[0].params, runs[0].first_step) == ({"epochs": "3", "lr": "0.1"}, 1)
                assert [(one["epoch"], one["epochs"]) for one in records] == [(2, 3)]
                (workspace.root / "go").touch()
                ended = wait_until(workspace, started.id, "done")
                assert ended.progress is not None
                assert ended.progress.epoch == 3
                assert [(one["epoch"], one["metrics"]) for one in behind.poll()[1]] == [(3, {"val_loss": 0.1})]
    assert runs_now(uri, started.id) == [], "a database that is away tells nothing, and harms nothing"
