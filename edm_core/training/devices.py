"""Lightning Fabric for the config's devices and precision."""

import os
import warnings

from lightning_fabric import Fabric  # noqa: TID253 - this module is only imported where training starts
from lightning_fabric.utilities.exceptions import MisconfigurationException  # noqa: TID253

from edm_core.errors import TrainingError
from edm_core.training.config import TrainingConfig


def make_fabric(config: TrainingConfig) -> Fabric:
    """Fabric, not yet launched. TrainingError where this machine lacks what the config asks for."""
    with warnings.catch_warnings():
        # Lightning warns of a Slurm that is installed but not used; `edm jobs` is how jobs get to Slurm here.
        warnings.filterwarnings("ignore", message=".*srun.*")
        try:
            return Fabric(
                accelerator=config.device, devices=config.devices, precision=config.precision, num_nodes=_nodes(),  # type: ignore[arg-type]
            )  # fmt: skip
        except (MisconfigurationException, RuntimeError, ValueError) as error:
            asked = f"--device {config.device} --devices {config.devices} --precision {config.precision}"
            raise TrainingError(
                f"{asked} cannot be used here: {error}",
                "Leave out --device to take what there is.",
            ) from error


def _nodes() -> int:
    """Nodes that train together: those of the step of srun that this process belongs to."""
    return int(os.environ.get("SLURM_STEP_NUM_NODES") or 1)
