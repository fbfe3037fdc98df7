"""The boundary model on tracks that it has not seen: five folds of the made data, from nothing, fixed steps.

    python -m bench.folds [--annotations data/annotations] [--folds 5] [--only 0] [--json]

Nothing is chosen on the tracks of the fold: the weights are those after the last step, threshold and spacing of
the peaks are tuned on the training tracks. Neither tempo nor downbeat is an input.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edm_core.training.audio import FeatureCache
from edm_core.training.baselines import grid_baseline
from edm_core.training.config import TrainingConfig
from edm_core.training.dataset import Track, load_tracks, make_loaders
from edm_core.training.devices import make_fabric
from edm_core.training.evaluation import compare_foote
from edm_core.training.loop import EpochLoop, make_optimizer
from edm_core.training.model import build_model
from edm_core.training.scoring import summarise
from edm_core.training.session import seed_everything

EPOCHS = 40
FOLDS = 5


@dataclass(frozen=True)
class FoldResult:
    """Means over the unseen tracks of one fold; `seconds` of the whole fold, `cpu_seconds` of processor time."""

    fold: int
    tracks: int
    steps: int
    boundary_f1_05: float
    boundary_f1: float
    boundary_f1_05_untrimmed: float
    baseline_f1_05: float
    baseline_bars: int
    foote_f1_05: float
    foote_snapped_f1_05: float
    subtle: int
    subtle_found: int
    seconds: float
    cpu_seconds: float


def fold_tracks(tracks: Sequence[Track], fold: int, folds: int) -> tuple[list[Track], list[Track]]:
    """Training and unseen tracks of a fold; every track is unseen in exactly one."""
    names = sorted(track.name for track in tracks)
    random.Random(0).shuffle(names)
    unseen = set(names[fold::folds])
    return [t for t in tracks if t.name not in unseen], [t for t in tracks if t.name in unseen]


def run_fold(tracks: Sequence[Track], fold: int, folds: int, config: TrainingConfig) -> FoldResult:
    """Train from nothing on the other folds and score the tracks of this one."""
    started, cpu = time.monotonic(), time.process_time()
    train, unseen = fold_tracks(tracks, fold, folds)
    torch.set_num_threads(config.threads)
    seed_everything(config.seed)
    train_loader, val_loader = make_loaders(train, unseen, config)
    model = build_model(config)
    fabric = make_fabric(replace(config, device="cpu"))
    fabric.launch()
    steps = len(train_loader) * config.epochs
    optimizer, schedule = make_optimizer(model, config, steps)
    network, wrapped = fabric.setup(model, optimizer)
    loop = EpochLoop(fabric, network, wrapped, schedule, config)
    for epoch in range(1, config.epochs + 1):
        train_loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        loop.train(train_loader, lambda _: None)
    validation = loop.validate(val_loader, unseen, train)
    summary = summarise(validation.scores)
    baseline = grid_baseline([track.annotation for track in unseen])
    foote = compare_foote(train, unseen)
    return FoldResult(
        fold=fold, tracks=len(unseen), steps=steps,
        boundary_f1_05=summary["boundary_f1_05"], boundary_f1=summary["boundary_f1"],
        boundary_f1_05_untrimmed=summary["boundary_f1_05_untrimmed"],
        baseline_f1_05=baseline.f1_05, baseline_bars=baseline.bars,
        subtle=sum(score.subtle for score in validation.scores),
        subtle_found=sum(score.subtle_found for score in validation.scores),
        seconds=time.monotonic() - started, cpu_seconds=time.process_time() - cpu, **foote,
    )  # fmt: skip


def summary_of(results: Sequence[FoldResult]) -> dict[str, Any]:
    """Means over the folds (a fold counts once, however many tracks it has), and the lowest fold."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(result, name) for result in results]))

    names = ("boundary_f1_05", "boundary_f1", "boundary_f1_05_untrimmed", "baseline_f1_05", "foote_f1_05",
             "foote_snapped_f1_05")  # fmt: skip
    subtle = sum(result.subtle for result in results)
    return {
        **{name: mean(name) for name in names},
        "lowest_boundary_f1_05": min(result.boundary_f1_05 for result in results),
        "subtle_recall": sum(result.subtle_found for result in results) / max(1, subtle),
        "slowest_fold_seconds": max(result.seconds for result in results),
    }


def read_tracks(annotations: Path) -> list[Track]:
    """All tracks of a folder of annotations, with features computed anew."""
    with tempfile.TemporaryDirectory() as folder:
        return load_tracks(TrainingConfig(annotations=str(annotations)), FeatureCache(Path(folder)), Path.cwd())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Five folds of the boundary model on the made data.")
    parser.add_argument("--annotations", type=Path, default=Path("data/annotations"))
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--only", type=int, action="append", help="run this fold only (may be given again)")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    tracks = read_tracks(given.annotations)
    config = TrainingConfig(epochs=given.epochs, seed=given.seed)
    results = []
    for fold in given.only or range(given.folds):
        results.append(run_fold(tracks, fold, given.folds, config))
        print(_line(results[-1]), file=sys.stderr, flush=True)
    summary = summary_of(results)
    if given.json:
        print(json.dumps({"folds": [asdict(result) for result in results], "mean": summary}, indent=1))
    else:
        print("  ".join(f"{name} {value:.3f}" for name, value in summary.items()))
    return 0


def _line(result: FoldResult) -> str:
    return (
        f"fold {result.fold}: F1@0.5 {result.boundary_f1_05:.3f} (grid of {result.baseline_bars} bars "
        f"{result.baseline_f1_05:.3f}, Foote {result.foote_f1_05:.3f}, snapped {result.foote_snapped_f1_05:.3f}, "
        f"untrimmed {result.boundary_f1_05_untrimmed:.3f})  F1@3 {result.boundary_f1:.3f}  "
        f"subtle {result.subtle_found}/{result.subtle}  {result.steps} steps  {result.seconds:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
