"""`Trainer`: from a model, two loaders and a config to a run folder and an MLflow run."""

import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch  # noqa: TID253 - this module is only imported where training starts
from lightning_fabric import Fabric  # noqa: TID253
from lightning_fabric.utilities.exceptions import MisconfigurationException  # noqa: TID253
from torch import nn  # noqa: TID253
from torch.utils.data import DataLoader  # noqa: TID253

from edm_core.errors import TrainingError
from edm_core.files import write_json
from edm_core.training.baselines import grid_baseline
from edm_core.training.checkpoint import BEST, LAST, load_checkpoint, restore_rng, rng_state, save_checkpoint
from edm_core.training.config import TrainingConfig
from edm_core.training.dataset import Batch, Track
from edm_core.training.environment import save_environment
from edm_core.training.journal import FAILED, FINISHED, KILLED
from edm_core.training.loop import EpochLoop, Validation, make_optimizer
from edm_core.training.peaks import PeakSettings
from edm_core.training.progress import Progress
from edm_core.training.run_folder import RunFolder
from edm_core.training.run_setup import open_folder, resolve_config, run_tags
from edm_core.training.scoring import summarise
from edm_core.training.stopping import StopRequested, stop_on_sigterm
from edm_core.training.tracking import RunTracker, TrackingTarget
from edm_core.workspace import Workspace, find_workspace


@dataclass(frozen=True)
class FitResult:
    """What a training came to. `metrics` are those of the best epoch."""

    run_name: str
    run_id: str
    folder: Path
    epochs: int
    best_epoch: int
    best_val_loss: float
    metrics: dict[str, float]


@dataclass
class _Progress:
    """What changes from epoch to epoch beside weights and optimizer."""

    epoch: int = 0
    best_val_loss: float = math.inf
    best_epoch: int = 0
    best_metrics: dict[str, float] | None = None


class Trainer:
    """Trains `model` on excerpts, scores it on whole tracks, and keeps the run folder and MLflow up to date.

    `train_loader` and `val_loader` come from `edm_core.training.make_loaders`. With a `registry` (or anything that
    has `tracking_uri` and `experiment_name`) the run is logged to MLflow; with None it is not. The run folder is
    made under `[runs] dir` of the workspace, which is found from the current folder unless given.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        train_loader: DataLoader[Batch],
        val_loader: DataLoader[Batch],
        config: TrainingConfig,
        registry: TrackingTarget | None = None,
        workspace: Workspace | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.model, self.config = model, config
        self.train_loader, self.val_loader = train_loader, val_loader
        self.train_tracks, self.val_tracks = _tracks(train_loader, "train"), _tracks(val_loader, "val")
        self.registry = registry
        self.workspace = workspace or find_workspace()
        self._stream = stream
        self._state = _Progress()
        self._peaks = PeakSettings()

    def fit(self) -> FitResult:
        """Train to the last epoch, or go on from last.pt with `config.resume`.

        Raises RunNameError, TrainingError, DataError; KeyboardInterrupt and StopRequested after the run has been
        ended as KILLED.
        """
        began = time.time()
        torch.set_num_threads(self.config.threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        self.config = resolve_config(self.workspace, self.config)
        loop = self._make_loop()
        folder = open_folder(self.workspace, self.config)
        self._progress = Progress(self.config.run_name, self.config.epochs, self._stream)
        with folder.lock(), stop_on_sigterm():
            folder.sweep(began)
            self._restore(folder, loop)
            tracker = RunTracker(folder, self.workspace, self.registry, self._progress.say)
            try:
                self._run(loop, folder, tracker)
            except (KeyboardInterrupt, StopRequested):
                tracker.end(KILLED)
                raise
            except BaseException as error:
                tracker.end(FAILED, f"{type(error).__name__}: {error}")
                raise
            tracker.end(FINISHED)
            return self._result(folder, tracker.run_id)

    def _run(self, loop: EpochLoop, folder: RunFolder, tracker: RunTracker) -> None:
        save_environment(folder.path, self.workspace, str(loop.fabric.device), self.config.threads)
        tracker.begin(self.config.params(), run_tags(self.workspace, self.config, folder), self._state.epoch + 1)
        self._progress.set_run_id(tracker.run_id)
        self._baseline = grid_baseline([track.annotation for track in self.val_tracks])
        while self._state.epoch < self.config.epochs:
            self._epoch(loop, folder, tracker)
        self._close(folder)

    def _make_loop(self) -> EpochLoop:
        config = self.config
        fabric = make_fabric(config)
        fabric.launch()
        steps = len(self.train_loader) * config.epochs
        self._optimizer, schedule = make_optimizer(self.model, config, steps)
        model, optimizer = fabric.setup(self.model, self._optimizer)
        return EpochLoop(fabric, model, optimizer, schedule, config)

    def _epoch(self, loop: EpochLoop, folder: RunFolder, tracker: RunTracker) -> None:
        epoch, batches = self._state.epoch + 1, len(self.train_loader)
        sampler = self.train_loader.sampler
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
        loss = loop.train(self.train_loader, lambda batch: self._progress.batch(epoch, batch, batches))
        metrics = {"train_loss": loss}
        is_best = False
        if epoch % self.config.eval_every == 0 or epoch == self.config.epochs:
            validation = loop.validate(self.val_loader, self.val_tracks, self.train_tracks)
            metrics, is_best = self._judge(epoch, metrics, validation)
        self._state.epoch = epoch
        tracker.log_epoch(epoch, metrics)
        self._save(loop, folder, is_best, metrics)
        self._progress.set_run_id(tracker.run_id)
        self._progress.epoch(epoch, batches, metrics)
        if not math.isfinite(loss):
            raise TrainingError(f"train_loss is {loss} at epoch {epoch}.", "Try a lower --lr or a --gradient-clip.")

    def _judge(self, epoch: int, metrics: dict[str, float], validation: Validation) -> tuple[dict[str, float], bool]:
        """The epoch's metrics with those of the validation, and whether it is the best epoch so far."""
        metrics = {**metrics, "val_loss": validation.loss}
        self._peaks = validation.peaks
        if validation.scores:
            summary = summarise(validation.scores)
            metrics |= {name: summary[name] for name in ("boundary_f1", "boundary_f1_05")}
            if math.isfinite(self._baseline.f1_05):
                metrics["baseline_boundary_f1_05"] = self._baseline.f1_05
        is_best = validation.loss < self._state.best_val_loss
        if is_best:
            self._state.best_val_loss, self._state.best_epoch = validation.loss, epoch
            self._state.best_metrics = dict(metrics)
        if self._state.best_epoch:
            metrics |= {"best_val_loss": self._state.best_val_loss, "best_epoch": float(self._state.best_epoch)}
        return metrics, is_best

    def _save(self, loop: EpochLoop, folder: RunFolder, is_best: bool, metrics: dict[str, float]) -> None:
        """best.pt before last.pt: a kill between them leaves a run that does this epoch again, to the same end."""
        checkpoint = self._checkpoint(loop, metrics)
        epoch = self._state.epoch
        if is_best:
            save_checkpoint(folder.checkpoints / BEST, checkpoint)
        if self.config.save_every and epoch % self.config.save_every == 0:
            save_checkpoint(folder.checkpoints / f"epoch_{epoch}.pt", checkpoint)
        save_checkpoint(folder.checkpoints / LAST, checkpoint)

    def _checkpoint(self, loop: EpochLoop, metrics: dict[str, float]) -> dict[str, Any]:
        state = self._state
        return {
            "epoch": state.epoch,
            "state_dict": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": loop.schedule.state_dict(),
            "rng": rng_state(),
            "best_val_loss": state.best_val_loss,
            "best_epoch": state.best_epoch,
            "best_metrics": state.best_metrics or {},
            "metrics": metrics,
            "config": self.config.to_dict(),
            "peaks": {"threshold": self._peaks.threshold, "spacing": self._peaks.spacing},
            "split": _split_names(self.train_tracks, self.val_tracks),
        }

    def _restore(self, folder: RunFolder, loop: EpochLoop) -> None:
        path = folder.checkpoints / LAST
        if not self.config.resume or not path.exists():
            return
        checkpoint = load_checkpoint(path)
        if checkpoint["split"] != _split_names(self.train_tracks, self.val_tracks):
            raise TrainingError(
                f"run {folder.name} was started on other tracks than those of {self.config.annotations}",
                "`edm data pull` brings back the tracked data set; or start a new run.",
            )
        self.model.load_state_dict(checkpoint["state_dict"])
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        loop.schedule.load_state_dict(checkpoint["scheduler"])
        restore_rng(checkpoint["rng"])
        self._peaks = PeakSettings(**checkpoint["peaks"])
        self._state = _Progress(
            checkpoint["epoch"], checkpoint["best_val_loss"], checkpoint["best_epoch"], checkpoint["best_metrics"]
        )
        self._progress.say(f"resuming {folder.name} after epoch {self._state.epoch} of {self.config.epochs}")

    def _close(self, folder: RunFolder) -> None:
        """Score the best checkpoint track by track, and fill in what came of the run."""
        from edm_core.training.evaluation import evaluate_checkpoint

        best = folder.checkpoints / BEST
        if not best.exists():
            return
        evaluation = evaluate_checkpoint(load_checkpoint(best), self.val_tracks)
        write_json(folder.tracks_path, evaluation)
        try:
            folder.set_actual(actual_text(self._state.best_val_loss, self._state.best_epoch, evaluation))
        except TrainingError as error:
            self._progress.say(f"warning: {error.message}; results.actual is not filled in")

    def _result(self, folder: RunFolder, run_id: str) -> FitResult:
        state = self._state
        return FitResult(
            folder.name, run_id, folder.path, state.epoch, state.best_epoch, state.best_val_loss,
            dict(state.best_metrics or {}),
        )  # fmt: skip


def make_fabric(config: TrainingConfig) -> Fabric:
    """Fabric for the config's devices and precision. TrainingError where this machine lacks them."""
    with warnings.catch_warnings():
        # Lightning warns of a Slurm that is installed but not used; `edm jobs` is how jobs get to Slurm here.
        warnings.filterwarnings("ignore", message=".*srun.*")
        try:
            return Fabric(accelerator=config.device, devices=config.devices, precision=config.precision)  # type: ignore[arg-type]
        except (MisconfigurationException, RuntimeError, ValueError) as error:
            asked = f"--device {config.device} --devices {config.devices} --precision {config.precision}"
            raise TrainingError(
                f"{asked} cannot be used here: {str(error).splitlines()[0]}",
                "Leave out --device to take what there is.",
            ) from error


def actual_text(best_val_loss: float, best_epoch: int, evaluation: dict[str, Any]) -> str:
    """One sentence for `results.actual`."""
    parts = [f"val_loss {best_val_loss:.4f} at epoch {best_epoch}"]
    summary = evaluation["summary"]
    if "boundary_f1_05" in summary:
        parts.append(f"boundary_f1 {summary['boundary_f1']:.3f}")
        parts.append(f"boundary_f1_05 {summary['boundary_f1_05']:.3f}")
    if "baseline_boundary_f1_05" in summary:
        parts.append(f"baseline {summary['baseline_boundary_f1_05']:.3f}")
    return ", ".join(parts)


def _split_names(train: list[Track], val: list[Track]) -> dict[str, list[str]]:
    return {"train": [track.name for track in train], "val": [track.name for track in val]}


def _tracks(loader: DataLoader[Batch], which: str) -> list[Track]:
    tracks = getattr(loader.dataset, "tracks", None)
    if not tracks:
        raise TrainingError(f"{which}_loader holds no tracks", "Make both loaders with edm_core.training.make_loaders.")
    return list(tracks)
