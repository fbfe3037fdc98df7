"""From a checkpoint file to a model in MLflow's own format, with the code, an example and the requirements it needs."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.actions.model_code import freeze_code, importable, requirements
from edm_core.errors import ActionError, EdmError, StoreError
from edm_core.stores.mlflow_client import quiet_mlflow

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

FORMATS = ("pickle", "pt2")
"""pickle: an eager module, any length, `.eval()` works, but loading runs code. pt2: a graph without code, safe to load
from strangers, fixed to inference."""


@dataclass(frozen=True)
class Package:
    """What is to be logged: an eager network, the paths of its code, and an array that it predicts on (or None).

    The first `free` dimensions of its inputs and outputs may be of any size.
    """

    network: "nn.Module"
    code: tuple[Path, ...]
    example: "np.ndarray[Any, Any] | None" = None
    free: int = 1
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What the checkpoint says of its epoch."""


@dataclass(frozen=True)
class LoggedModel:
    """A model as MLflow stored it: `models:/m-…`, its id, and the metrics of the checkpoint."""

    uri: str
    id: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class LogRequest:
    """One checkpoint to log. `run_id` "" logs a model without a source run."""

    path: Path
    experiment_id: str
    run_id: str = ""
    loader: str = ""
    root: Path = field(default_factory=Path)
    format: str = "pickle"
    metadata: Mapping[str, Any] = field(default_factory=dict)


def log_checkpoint(request: LogRequest) -> LoggedModel:
    """Log the checkpoint as an MLflow model. The source run is left as it is.

    Raises NotFoundError, TrainingError or ActionError when the checkpoint cannot be made a model, StoreError when
    MLflow refuses; nothing is left behind then.
    """
    if request.format not in FORMATS:
        raise ActionError(f"no model format {request.format!r}", f"Formats are: {', '.join(FORMATS)}.")
    with _package(request) as package:
        return _log(request, package)


@contextmanager
def _package(request: LogRequest) -> Iterator[Package]:
    if request.loader:
        with _users_package(request) as package:
            yield package
        return
    from edm_core.training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(request.path)
    with tempfile.TemporaryDirectory(prefix="edm-model-") as folder:
        code = Path(folder)
        with importable(code, freeze_code("edm_core.training.model", code)) as module:
            try:
                network = module.build_model(checkpoint["config"])
                network.load_state_dict(checkpoint["state_dict"])
            except (KeyError, RuntimeError, TypeError, AttributeError) as error:
                raise ActionError(
                    f"{request.path} does not fit the network: {_first_line(error)}",
                    "It was written by another version: check out the commit of its run.",
                ) from error
            said = checkpoint.get("metrics") or {}
            metrics = {str(key): float(value) for key, value in said.items() if isinstance(value, int | float)}
            yield Package(network.eval(), tuple(code.iterdir()), _frames(module.MELS), 2, metrics)


@contextmanager
def _users_package(request: LogRequest) -> Iterator[Package]:
    """The user's own network, by `[registry] loader`: it takes the path and gives a module, or (module, example)."""
    name, separator, function = request.loader.partition(":")
    if not (name and separator and function):
        raise ActionError(f"[registry] loader must be module:function, not {request.loader!r}")
    if not request.path.is_file():
        raise ActionError(f"{request.path} is not there", "`edm pull` fetches the data of a kept run.")
    with importable(request.root, name) as module:
        load = getattr(module, function, None)
        if not callable(load):
            raise ActionError(f"{name} has no function {function!r}", "Set [registry] loader in edm.toml.")
        made = _call_loader(load, request)
        network, example = made if isinstance(made, tuple) else (made, None)
        from torch import nn

        if not isinstance(network, nn.Module):
            raise ActionError(f"{request.loader} gave a {type(network).__name__}, not a torch module")
        top = request.root / name.split(".")[0]
        code = top if top.is_dir() else top.with_suffix(".py")
        paths = (code,) if code.exists() else ()
        yield Package(network.eval(), paths, _as_array(example))


def _call_loader(load: Any, request: LogRequest) -> Any:
    try:
        return load(str(request.path))
    except EdmError:
        raise
    except Exception as error:
        raise ActionError(
            f"{request.loader} failed on {request.path}: {type(error).__name__}: {_first_line(error)}",
            "Mend the function named by [registry] loader in edm.toml.",
        ) from error


def _as_array(example: Any) -> Any:
    return example.detach().cpu().numpy() if hasattr(example, "detach") else example


def _frames(mels: int) -> "np.ndarray[Any, Any]":
    """Two excerpts of 4 s of made-up log-mel frames, the same every time: (2, 100, mels), float32."""
    import numpy as np

    return np.random.default_rng(0).standard_normal((2, 100, mels)).astype(np.float32)


def _log(request: LogRequest, package: Package) -> LoggedModel:
    quiet_mlflow()
    import mlflow
    import mlflow.pytorch
    from mlflow.exceptions import MlflowException

    # Importing MLflow sets its loggers' levels anew.
    quiet_mlflow()
    model = None
    try:
        model = mlflow.initialize_logged_model(
            name="model", source_run_id=request.run_id or None, experiment_id=request.experiment_id
        )
        info = mlflow.pytorch.log_model(
            package.network,
            name="model",
            model_id=model.model_id,
            serialization_format=request.format,
            pip_requirements=list(requirements(package.code)),
            code_paths=[str(path) for path in package.code] or None,
            extra_files=[str(request.path)],
            signature=_signature(package),
            input_example=package.example,
            metadata=dict(request.metadata) or None,
        )
    except (MlflowException, OSError, RuntimeError, TypeError, ValueError) as error:
        if model is not None:
            mlflow.MlflowClient().delete_logged_model(model.model_id)
        raise StoreError(
            f"MLflow could not store the model of {request.path}: {_first_line(error)}", _storing_hint(request)
        ) from error
    return LoggedModel(str(info.model_uri), str(model.model_id), package.metrics)


def _storing_hint(request: LogRequest) -> str:
    if request.format == "pt2":
        return "Try --format pickle: not every network can be exported as a graph."
    return "Check the tracking store and its artifact location."


def _signature(package: Package) -> Any:
    """Inputs of any batch and length, outputs as the network gives them on the example; None without an example.

    Raises ActionError when the network cannot predict on its example.
    """
    if package.example is None:
        return None
    import numpy as np
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    try:
        with torch.no_grad():
            out = package.network(torch.from_numpy(package.example))
    except (RuntimeError, TypeError, ValueError) as error:
        raise ActionError(
            f"the network cannot predict on its example: {_first_line(error)}",
            "The checkpoint, or the example that [registry] loader gives, does not fit.",
        ) from error
    named = out if isinstance(out, dict) else {None: out}

    def spec(dtype: Any, shape: Any, name: str | None = None) -> TensorSpec:
        sizes = [int(size) for size in shape]
        free = min(package.free, len(sizes))
        return TensorSpec(np.dtype(str(dtype).removeprefix("torch.")), [-1] * free + sizes[free:], name)

    outputs = [spec(value.dtype, value.shape, name) for name, value in named.items()]
    return ModelSignature(Schema([spec(package.example.dtype, package.example.shape)]), Schema(outputs))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
