"""A data set of a few seconds a track, whose sections differ in an obvious way: training on it takes moments."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from edm_core.data.model import LABELS

RATE = 16_000
BPM = 120
REPOSITORY = Path(__file__).parents[2]


def write_track(folder: Path, number: int, bars: tuple[int, ...] = (2, 4, 2)) -> float:
    """Write audio/NAME.wav and annotations/NAME.yaml; sections of `bars` bars, each of its own pitch and level."""
    generator = np.random.default_rng(number)
    bar = 4 * 60.0 / BPM
    pieces, lines, time, first = [], [], 0.0, 1
    for index, length in enumerate(bars):
        count = int(length * bar * RATE)
        seconds = np.arange(count) / RATE
        tone = np.sin(2 * np.pi * 110 * (1 + 2 * index + number % 3) * seconds) * (0.2 + 0.2 * index)
        clicks = (seconds % (60.0 / BPM) < 0.01) * 0.3
        pieces.append(tone + clicks + 0.02 * generator.standard_normal(count))
        lines.append(f"  - {{bar: {first}, label: {LABELS[index % 5]}, time: {time:.4f}, confidence: 1.0}}")
        time, first = time + length * bar, first + length
    name = f"song_{number:02}"
    for part in ("audio", "annotations"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio" / f"{name}.wav", np.concatenate(pieces).clip(-1, 1), RATE, "PCM_16")
    (folder / "annotations" / f"{name}.yaml").write_text(
        "metadata: {tier: 1, confidence: 1.0}\n"
        f"audio: {{file: {name}.wav, duration: {time:.4f}, bpm: {BPM}, downbeat: 0.0, time_signature: 4/4}}\n"
        "structure:\n" + "\n".join(lines) + "\n"
    )
    return time


def make_workspace(root: Path, tracks: int = 4) -> Path:
    """A git repository with edm.toml and a data set of `tracks` tracks of 16 s."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "edm.toml").write_text("")
    (root / ".gitignore").write_text("/data/\n/outputs/\n/.edm/\n/mlflow.db*\n/mlartifacts/\n")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *words], cwd=root, check=True, env=clean_env())
    for number in range(tracks):
        write_track(root / "data", number, ((2, 4, 2), (4, 2, 2), (2, 2, 4))[number % 3])
    return root


def clean_env(**extra: str) -> dict[str, str]:
    """The environment for processes that a module's fixture starts, before that of the single test is set up.

    `mlflow.set_tracking_uri` writes MLFLOW_TRACKING_URI into the environment of the test process, and a child of a
    later test would log there.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "EDM_", "GIT_"))}
    identity = {f"GIT_{who}_{what}": f"test@{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"OMP_NUM_THREADS": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
    return {**kept, **identity, **quiet, **extra}


def edm(root: Path, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run `edm` in a process of its own."""
    return subprocess.run(
        edm_command(*words), cwd=root, env=clean_env(**(env or {})), capture_output=True, text=True, check=False
    )


def edm_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "edm_core.cli.main", *words]
