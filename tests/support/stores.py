"""Workspaces with real MLflow stores on SQLite, made by MLflow itself."""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.settings import load_settings
from edm_core.snapshots.run_columns import RunColumns
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EDM_TOML = '[metrics]\nprimary = "val_loss"\ncolumns = ["boundary_f1"]\n'


def new_workspace(root: Path, toml: str = EDM_TOML) -> Workspace:
    """An empty workspace: settings and a folder of runs, no store."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "edm.toml").write_text(toml)
    workspace = Workspace(root, load_settings(root, {}))
    workspace.runs_dir.mkdir(parents=True)
    return workspace


def copied(workspace: Workspace, root: Path) -> Workspace:
    """The same workspace elsewhere, so that a test may change it: making a store costs seconds, a copy nothing."""
    shutil.copytree(workspace.root, root)
    return Workspace(root, load_settings(root, {}))


def log_run(
    client: "MlflowClient", experiment_id: str, name: str, *, start: int, status: str | None = "FINISHED",
    metrics: Mapping[str, Sequence[tuple[int, float]]] | None = None, params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """One run as a training logs it; `status` None leaves it RUNNING. Returns its id."""
    from mlflow.entities import Metric, Param

    run = client.create_run(experiment_id, start_time=start, run_name=name, tags=dict(tags or {}))
    points = [
        Metric(key, value, start + index, step)
        for key, series in (metrics or {}).items()
        for index, (step, value) in enumerate(series)
    ]
    client.log_batch(run.info.run_id, points, [Param(key, str(value)) for key, value in (params or {}).items()])
    if status is not None:
        client.set_terminated(run.info.run_id, status, end_time=start + 60_000)
    return str(run.info.run_id)


def many_kinds(workspace: Workspace) -> dict[str, str]:
    """Runs of every status, with NaN, infinities, odd names and a second experiment; name → id, newest last."""
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace)
    other = ensure_experiment(client, workspace, "other")
    loss = [(step, 0.5 / (1 + step)) for step in range(60)]
    ids = {}
    for at, (name, status, series) in enumerate((
        ("plain", "FINISHED", {"val_loss": loss, "boundary_f1": [(s, s / 60) for s, _ in loss]}),
        ("nan_last", "FAILED", {"val_loss": [(0, 0.4), (1, 0.2), (2, 0.3), (3, math.nan)]}),
        ("only_nan", "KILLED", {"val_loss": [(0, math.nan), (1, math.nan)]}),
        ("infinite", "FINISHED", {"val_loss": [(0, math.inf), (1, 0.7)], "boundary_f1": [(0, -math.inf), (1, 0.1)]}),
        ("backwards", "FINISHED", {"val_loss": [(5, 0.1), (3, 0.3), (4, 0.05)]}),
        ("odd name % _ 'ü' 雪", "FINISHED", {"group/loss value": [(0, 1.0), (1, 0.5)]}),
        ("empty", "SCHEDULED", {}),
        ("running", None, {"val_loss": loss[:5]}),
    )):  # fmt: skip
        params = {"learning_rate": 0.001, "note": "a" * 300, "empty": ""}
        tags = {"mlflow.user": "ada", "mlflow.note.content": f"note of {name}", "blank": ""}
        ids[name] = log_run(
            client, home, name, start=1_000_000 + 1000 * at, status=status, metrics=series, params=params, tags=tags
        )
    ids["deleted"] = log_run(client, home, "deleted", start=5_000_000, metrics={"val_loss": loss[:3]})
    client.delete_run(ids["deleted"])
    ids["elsewhere"] = log_run(client, other, "elsewhere", start=6_000_000, metrics={"val_loss": loss[:3]})
    return ids


def without_sparks(columns: RunColumns) -> dict[str, str]:
    """Every run as text (NaN equals itself there), apart from sparks and from deleted ones."""
    rows = [columns.row(at) for at in range(len(columns)) if at not in columns.deleted]
    bare = [replace(row, metrics={k: replace(s, spark=()) for k, s in row.metrics.items()}) for row in rows]
    return {row.run_id: repr(row) for row in bare}
