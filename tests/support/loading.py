"""Loading a model version in a fresh process in another folder, without this package in reach, and what it gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

from edm_core.workspace import Workspace

_LOAD = """
import importlib.abc, json, sys, warnings
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("edm_core", "edm_tui"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
try:
    import edm_core
except ModuleNotFoundError:
    pass
else:
    sys.exit("the package is within reach")
warnings.simplefilter("ignore")
import mlflow.pytorch, torch
frames = torch.linspace(-1, 1, 130 * 40).reshape(1, 130, 40)
found = {}
for uri in sys.argv[1:]:
    network = mlflow.pytorch.load_model(uri)
    with torch.no_grad():
        found[uri] = {head: value.sum().item() for head, value in network.eval()(frames).items()}
print(json.dumps(found))
"""


def load_elsewhere(workspace: Workspace, folder: Path, *uris: str) -> dict[str, dict[str, float]]:
    folder.mkdir(exist_ok=True)
    env = {**os.environ, "MLFLOW_TRACKING_URI": workspace.tracking_uri}
    done = subprocess.run(
        [sys.executable, "-I", "-c", _LOAD, *uris], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def output_of(checkpoint: Path) -> dict[str, float]:
    """What the checkpoint itself gives on the frames that `_LOAD` uses."""
    import torch

    from edm_core.training.checkpoint import load_checkpoint, model_from_checkpoint

    frames = torch.linspace(-1, 1, 130 * 40).reshape(1, 130, 40)
    with torch.no_grad():
        out = model_from_checkpoint(load_checkpoint(checkpoint))(frames)
    return {head: value.sum().item() for head, value in out.items()}
