"""`edm evaluate` without the command line: a run's best checkpoint on its validation tracks."""

from dataclasses import replace
from pathlib import Path

from edm_core.errors import NotFoundError
from edm_core.training.checkpoint import BEST, load_checkpoint
from edm_core.training.config import from_dict
from edm_core.training.evaluation import (
    Evaluation,
    compare_foote,
    evaluate_checkpoint,
    training_tracks,
    validation_tracks,
)
from edm_core.training.run_folder import RunFolder
from edm_core.training.session import all_tracks
from edm_core.workspace import Workspace


def find_run_folder(workspace: Workspace, run: str) -> RunFolder:
    """The folder that a run name, a run id or an unambiguous prefix of one names. Raises NotFoundError."""
    folders = [RunFolder(path) for path in sorted(workspace.runs_dir.glob("*")) if _is_run(path)]
    exact = [folder for folder in folders if folder.name == run]
    found = exact or [
        folder
        for folder in folders
        if folder.name.startswith(run) or str(folder.read_metadata().get("run_id") or "").startswith(run)
    ]
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found[:5])
        raise NotFoundError(f"{run} may be any of {names}", "Give more of the name.")
    if not found:
        raise NotFoundError(f"there is no run folder for {run} here", "`edm pull` fetches the data of a kept run.")
    return found[0]


def _is_run(path: Path) -> bool:
    return path.is_dir() and (path / "config.yaml").exists()


def evaluate_run(workspace: Workspace, run: str, annotations: str = "", audio_dir: str = "") -> Evaluation:
    """Score best.pt of a run on its validation tracks, or on all tracks of another folder of annotations.

    Raises NotFoundError, DataError, TrainingError.
    """
    folder = find_run_folder(workspace, run)
    metadata = {"run": folder.name, "run_id": str(folder.read_metadata().get("run_id") or "")}
    return {**metadata, **evaluate_file(workspace, folder.checkpoints / BEST, annotations, audio_dir)}


def evaluate_file(workspace: Workspace, path: Path, annotations: str = "", audio_dir: str = "") -> Evaluation:
    """The same for the file of a checkpoint, wherever it lies."""
    checkpoint = load_checkpoint(path)
    config = from_dict(checkpoint["config"])
    if annotations or audio_dir:
        config = replace(config, annotations=annotations or config.annotations, audio_dir=audio_dir or config.audio_dir)
    tracks = all_tracks(config, workspace)
    if annotations:
        return evaluate_checkpoint(checkpoint, tracks)
    chosen = validation_tracks(checkpoint, tracks)
    evaluation = evaluate_checkpoint(checkpoint, chosen)
    if evaluation["tracks"]:
        evaluation["summary"] |= compare_foote(training_tracks(checkpoint, tracks), chosen)
    return evaluation
