"""A workspace with a real MLflow store on SQLite, and runs whose checkpoints `edm train` could have written."""

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from edm_core.settings import Settings, load_settings
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.workspace import Workspace

DATA_VERSION = "d41d8cd98f00b204e9800998ecf8427e.dir"
COMMIT = "3f2a91c0d5b1f1c2a7b7c9f5f0e1d2c3b4a59687"


@cache
def _empty_store() -> bytes:
    """An MLflow database without runs: making its 60 tables anew for each test costs seconds."""
    from edm_core.stores.mlflow_client import mlflow_client

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), Settings())
        mlflow_client(workspace).search_experiments()
        return (Path(folder) / "mlflow.db").read_bytes()


def make_workspace(root: Path, registry: str = "") -> Workspace:
    """A workspace at `root`; `registry` is the text of its [registry] section."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "mlflow.db").write_bytes(_empty_store())
    (root / "edm.toml").write_text(f"[registry]\n{registry}\n")
    settings: Settings = load_settings(root, {})
    return Workspace(root, settings)


def save_checkpoint_file(path: Path, seed: int = 0, **metrics: float) -> Path:
    import torch

    from edm_core.training.checkpoint import save_checkpoint
    from edm_core.training.config import TrainingConfig
    from edm_core.training.model import build_model

    torch.manual_seed(seed)
    config = TrainingConfig(run_name=path.parent.parent.name)
    save_checkpoint(
        path,
        {"epoch": 1, "config": config.to_dict(), "state_dict": build_model(config).state_dict(), "metrics": metrics},
    )
    return path


def make_run(
    workspace: Workspace, name: str, seed: int = 0, tags: Mapping[str, str] | None = None, **metrics: float
) -> RunRow:
    """An ended MLflow run with its folder and best.pt, as the run table would show it."""
    from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client

    client = mlflow_client(workspace)
    experiment = ensure_experiment(client, workspace)
    all_tags = {
        "edm.run_dir": f"outputs/training/{name}",
        "edm.data_version": DATA_VERSION,
        "mlflow.source.git.commit": COMMIT,
        "edm.git_dirty": "false",
        **(tags or {}),
    }
    run = client.create_run(experiment, run_name=name, tags=all_tags)
    for key, value in metrics.items():
        client.log_metric(run.info.run_id, key, value, step=1)
    client.set_terminated(run.info.run_id, "FAILED", end_time=123456)
    folder = workspace.run_folder(name)
    save_checkpoint_file(folder / "checkpoints" / "best.pt", seed, **metrics)
    (folder / "metadata.yaml").write_text(f"run_name: {name}\nrun_id: {run.info.run_id}\n")
    summaries = {key: MetricSummary(value, 1, value, 1) for key, value in metrics.items()}
    return RunRow(run.info.run_id, name, "FAILED", metrics=summaries, tags=all_tags, run_dir=f"outputs/training/{name}")


def write_tracks(workspace: Workspace, run: str, scores: Mapping[str, float]) -> None:
    tracks = [{"track": track, "boundary_f1_05": score} for track, score in scores.items()]
    (workspace.run_folder(run) / "tracks.json").write_text(json.dumps({"tracks": tracks}))


def stages_of(workspace: Workspace, name: str | None = None) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Version → (stage, aliases), as MLflow's own client says; of the workspace's model, or of `name`."""
    from edm_core.stores.mlflow_client import mlflow_client

    client = mlflow_client(workspace)
    name = name or workspace.settings.registry.model
    found: Any = client.search_model_versions(f"name='{name}'")
    aliases = client.get_registered_model(name).aliases
    return {
        int(v.version): (
            v.current_stage,
            tuple(sorted(a for a, number in aliases.items() if int(number) == int(v.version))),
        )
        for v in found
    }


def make_versions(workspace: Workspace, count: int, name: str | None = None) -> None:
    """Versions 1 to `count`, each with a run of its own; nothing of them can be loaded."""
    from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client

    client = mlflow_client(workspace)
    experiment = ensure_experiment(client, workspace)
    name = name or workspace.settings.registry.model
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    for _ in range(count):
        run = client.create_run(experiment)
        client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
