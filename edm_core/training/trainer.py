"""`Trainer`: from a model, two loaders and a config to a run folder and an MLflow run."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch  # noqa: TID253 - this module is only imported where training starts
from torch import nn  # noqa: TID253
from torch.utils.data import DataLoader  # noqa: TID253

from edm_core.errors import TrainingError
from edm_core.files import write_json
from edm_core.training.baselines import grid_baseline
from edm_core.training.checkpoint import BEST, LAST, load_checkpoint, save_checkpoint
from edm_core.training.config import TrainingConfig
from edm_core.training.dataset import Batch, Track
from edm_core.training.devices import make_fabric
from edm_core.training.environment import save_environment
from edm_core.training.evaluation import Evaluation, evaluate_checkpoint
from edm_core.training.journal import FAILED, FINISHED, KILLED
from edm_core.training.loop import EpochLoop, make_optimizer
from edm_core.training.progress import Progress
from edm_core.training.run_folder import RunFolder
from edm_core.training.run_setup import open_folder, resolve_config, run_tags
from edm_core.training.state import TrainingState
from edm_core.training.stopping import StopRequested, stop_on_signals
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

    def fit(self) -> FitResult:
        """Train to the last epoch, or go on from last.pt with `config.resume`.

        Raises RunNameError, TrainingError, DataError; KeyboardInterrupt and StopRequested after the run has been
        ended as KILLED. With several devices only the first process returns; the others exit.
        """
        began = time.time()
        torch.set_num_threads(self.config.threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        self.config = resolve_config(self.workspace, self.config)
        loop = self._make_loop()
        if not loop.fabric.is_global_zero:
            self._follow(loop)
        folder = open_folder(self.workspace, self.config)
        self._progress = Progress(self.config.run_name, self.config.epochs, self._stream)
        with folder.lock(), stop_on_signals():
            folder.sweep(began)
            self._restore(folder)
            loop.fabric.barrier()
            self._announce(folder)
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

    def _make_loop(self) -> EpochLoop:
        fabric = make_fabric(self.config)
        fabric.launch()
        sampler = self.train_loader.sampler
        if fabric.world_size > 1 and hasattr(sampler, "share"):
            sampler.share(fabric.global_rank, fabric.world_size)
        steps = len(self.train_loader) * self.config.epochs
        optimizer, schedule = make_optimizer(self.model, self.config, steps)
        self._state = TrainingState(self.model, optimizer, schedule)
        network, wrapped = fabric.setup(self.model, optimizer)
        return EpochLoop(fabric, network, wrapped, schedule, self.config)

    def _follow(self, loop: EpochLoop) -> None:
        """What every process but the first does: its share of each step, and nothing else."""
        loop.fabric.barrier()
        self._restore(RunFolder(self.workspace.run_folder(self.config.run_name)))
        while self._state.epoch < self.config.epochs:
            self._state.epoch += 1
            self._train_epoch(loop)
        raise SystemExit(0)

    def _run(self, loop: EpochLoop, folder: RunFolder, tracker: RunTracker) -> None:
        save_environment(folder.path, self.workspace, str(loop.fabric.device), self.config.threads)
        tracker.begin(self.config.params(), run_tags(self.workspace, self.config, folder), self._state.epoch + 1)
        self._progress.set_run_id(tracker.run_id)
        baseline = grid_baseline([track.annotation for track in self.val_tracks]).f1_05
        while self._state.epoch < self.config.epochs:
            self._state.epoch += 1
            self._epoch(loop, folder, tracker, baseline)
        self._close(folder)

    def _epoch(self, loop: EpochLoop, folder: RunFolder, tracker: RunTracker, baseline: float) -> None:
        epoch, config = self._state.epoch, self.config
        metrics = {"train_loss": self._train_epoch(loop)}
        is_best = False
        if epoch % config.eval_every == 0 or epoch == config.epochs:
            validation = loop.validate(self.val_loader, self.val_tracks, self.train_tracks)
            scores, is_best = self._state.judge(validation, baseline)
            metrics |= scores
        tracker.log_epoch(epoch, metrics)
        if config.stop_on_nan:
            refuse_nan(epoch, metrics)
        self._save(folder, is_best, metrics)
        self._progress.set_run_id(tracker.run_id)
        self._progress.epoch(epoch, len(self.train_loader), metrics)

    def _train_epoch(self, loop: EpochLoop) -> float:
        epoch, batches = self._state.epoch, len(self.train_loader)
        sampler = self.train_loader.sampler
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
        first = loop.fabric.is_global_zero
        return loop.train(
            self.train_loader, lambda batch: self._progress.batch(epoch, batch, batches) if first else None
        )

    def _save(self, folder: RunFolder, is_best: bool, metrics: dict[str, float]) -> None:
        """best.pt before last.pt: a kill between them leaves a run that does this epoch again, to the same end."""
        epoch = self._state.epoch
        checkpoint = self._state.checkpoint(self.config, self._split(), metrics)
        if is_best:
            save_checkpoint(folder.checkpoints / BEST, checkpoint)
        if self.config.save_every and epoch % self.config.save_every == 0:
            save_checkpoint(folder.checkpoints / f"epoch_{epoch}.pt", checkpoint)
        save_checkpoint(folder.checkpoints / LAST, checkpoint)

    def _restore(self, folder: RunFolder) -> None:
        path = folder.checkpoints / LAST
        if not self.config.resume or not path.exists():
            return
        checkpoint = load_checkpoint(path)
        if checkpoint["split"] != self._split():
            raise TrainingError(
                f"run {folder.name} was started on other tracks than those of {self.config.annotations}",
                "`edm data pull` brings back the tracked data set; or start a new run.",
            )
        self._state.restore(checkpoint)

    def _announce(self, folder: RunFolder) -> None:
        where = self.workspace.relative(folder.path)
        tracks = f"{len(self.train_tracks)} tracks to train on, {len(self.val_tracks)} to validate"
        done = self._state.epoch
        self._progress.say(f"{where}: {f'goes on after epoch {done}' if done else 'begins'}; {tracks}")

    def _close(self, folder: RunFolder) -> None:
        """Score the best checkpoint track by track, and fill in what came of the run."""
        best = folder.checkpoints / BEST
        if not best.exists():
            return
        evaluation = evaluate_checkpoint(load_checkpoint(best), self.val_tracks)
        write_json(folder.tracks_path, evaluation)
        try:
            folder.set_actual(actual_text(self._state, evaluation))
        except TrainingError as error:
            self._progress.say(f"warning: {error.message}; results.actual is not filled in")

    def _split(self) -> dict[str, list[str]]:
        """The names of the tracks on either side, as the checkpoint holds them."""
        return {"train": [t.name for t in self.train_tracks], "val": [t.name for t in self.val_tracks]}

    def _result(self, folder: RunFolder, run_id: str) -> FitResult:
        state = self._state
        return FitResult(
            folder.name, run_id, folder.path, state.epoch, state.best_epoch, state.best_val_loss,
            dict(state.best_metrics),
        )  # fmt: skip


def refuse_nan(epoch: int, metrics: dict[str, float]) -> None:
    """Raise TrainingError for a loss that is NaN or infinite: it does not become a number again."""
    for name in ("train_loss", "val_loss"):
        if not math.isfinite(metrics.get(name, 0.0)):
            raise TrainingError(
                f"{name} is {metrics[name]} at epoch {epoch}.",
                "Try a lower --lr or a --gradient-clip; --no-stop-on-nan trains on.",
            )


def actual_text(state: TrainingState, evaluation: Evaluation) -> str:
    """One sentence for `results.actual`."""
    parts = [f"val_loss {state.best_val_loss:.4f} at epoch {state.best_epoch}"]
    summary = evaluation["summary"]
    if "boundary_f1_05" in summary:
        parts.append(f"boundary_f1 {summary['boundary_f1']:.3f}")
        parts.append(f"boundary_f1_05 {summary['boundary_f1_05']:.3f}")
    if "baseline_boundary_f1_05" in summary:
        parts.append(f"baseline {summary['baseline_boundary_f1_05']:.3f}")
    return ", ".join(parts)


def _tracks(loader: DataLoader[Batch], which: str) -> list[Track]:
    tracks = getattr(loader.dataset, "tracks", None)
    if not tracks:
        raise TrainingError(f"{which}_loader holds no tracks", "Make both loaders with edm_core.training.make_loaders.")
    return list(tracks)
