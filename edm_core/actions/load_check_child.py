"""Run by itself, in a process of its own: load a model version with this package out of reach, and predict.

`python -I load_check_child.py MODEL FOLDER` prints one JSON line; MODEL is an address or a folder, FOLDER is where it
may be copied to. It must import nothing of edm_core.
"""

import importlib.abc
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any


class _Blocked(importlib.abc.MetaPathFinder):
    """Makes our package as absent as it is on a machine that serves the model."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
        if fullname.split(".")[0] in ("edm_core", "edm_tui"):
            raise ModuleNotFoundError(f"No module named {fullname!r}")


def check(model: str, scratch: str) -> dict[str, Any]:
    """{"predicted": shapes or None without an example, "finite": whether every value is a number}."""
    import mlflow.artifacts
    import mlflow.pytorch
    import torch
    from mlflow.models import Model

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    folder = mlflow.artifacts.download_artifacts(model, dst_path=scratch) if model.startswith("models:") else model
    network = mlflow.pytorch.load_model(folder)
    example = Model.load(folder).load_input_example(folder)
    if example is None:
        return {"predicted": None, "finite": True}
    with torch.no_grad():
        out = network(torch.from_numpy(example))
    values = list(out.values()) if isinstance(out, dict) else [out]
    return {
        "predicted": [list(value.shape) for value in values],
        "finite": all(bool(torch.isfinite(value).all()) for value in values),
    }


if __name__ == "__main__":
    sys.meta_path.insert(0, _Blocked())
    warnings.simplefilter("ignore")
    print(json.dumps(check(*sys.argv[1:3])))  # noqa: T201 - the one line that the parent reads
