"""Workspaces of many runs for the measures: MLflow makes the schema, plain SQL fills it in bulk."""

import atexit
import functools
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client, quiet_mlflow
from edm_core.workspace import Workspace, find_workspace

PARAMS, TAGS, POINTS = 10, 6, 10
METRICS = ("val_loss", "boundary_f1", "train_loss", "boundary_f1_05", "energy_loss", "beat_loss", "lr", "best_val_loss")


@functools.cache
def shared_runs(count: int) -> Workspace:
    """As `many_runs`, made once for all measures of this process, read back with MLflow, and gone with the process."""
    folder = tempfile.mkdtemp(prefix="edm-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    workspace = many_runs(Path(folder).resolve() / f"runs_{count}", count)
    reads_back(workspace, count)
    return workspace


def reads_back(workspace: Workspace, runs: int) -> None:
    """MLflow itself finds first, last and number of what was inserted; else the process ends."""
    client = mlflow_client(workspace)
    experiment = client.get_experiment_by_name(workspace.settings.tracking.experiment).experiment_id
    newest = client.search_runs([experiment], max_results=1)[0]
    last = client.get_run(f"{runs - 1:032x}")
    for run, name in ((newest, "run_0"), (last, f"run_{runs - 1}")):
        data = run.data
        found = (run.info.run_name, len(data.params), len(data.metrics), len(data.tags))
        if found != (name, PARAMS, len(METRICS), TAGS):
            sys.exit(f"MLflow reads back {found} where {name} was put in")


def many_runs(folder: Path, count: int, points: int = POINTS) -> Workspace:
    """A workspace whose MLflow store holds `count` runs of 10 params, 8 metrics and 6 tags, the newest called run_0."""
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "edm.toml").touch()
    workspace = find_workspace(folder, env={})
    quiet_mlflow()
    experiment = int(ensure_experiment(mlflow_client(workspace), workspace))
    with sqlite3.connect(folder / "mlflow.db") as database:
        _fill(database, experiment, count, points)
    return workspace


def _fill(database: sqlite3.Connection, experiment: int, count: int, points_each: int) -> None:
    now, chance = int(time.time() * 1000), random.Random(1)
    for at in range(count):
        run_id, start = f"{at:032x}", now - (at + 1) * 60_000
        database.execute(
            "INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, lifecycle_stage,"
            " experiment_id, user_id, artifact_uri, source_name, entry_point_name, source_version, deleted_time)"
            " VALUES (?, ?, 'UNKNOWN', 'FINISHED', ?, ?, 'active', ?, 'ana', ?, '', '', '', NULL)",
            (run_id, f"run_{at}", start, start + 50_000, experiment, f"mlflow-artifacts:/{run_id}"),
        )
        database.executemany("INSERT INTO params (`key`, value, run_uuid) VALUES (?, ?, ?)", _params(run_id, chance))
        tags = [("mlflow.runName", f"run_{at}", run_id), *((f"tag_{i}", "x", run_id) for i in range(TAGS - 1))]
        database.executemany("INSERT INTO tags (`key`, value, run_uuid) VALUES (?, ?, ?)", tags)
        points = [
            (name, chance.random(), start + step, run_id, step, False)
            for name in METRICS
            for step in range(points_each)
        ]
        columns = "(`key`, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)"
        database.executemany(f"INSERT INTO metrics {columns}", points)
        database.executemany(f"INSERT INTO latest_metrics {columns}", points[points_each - 1 :: points_each])


def _params(run_id: str, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    yield "learning_rate", f"{10 ** -chance.randint(1, 5)}", run_id
    yield "backbone", chance.choice(("cnn", "mert-95m")), run_id
    for number in range(PARAMS - 2):
        yield f"param_{number}", str(chance.randint(0, 100)), run_id
