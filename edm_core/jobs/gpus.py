"""One job a GPU: which GPUs there are, and which one a slot stands for."""

from collections.abc import Mapping
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")


def gpu_names(env: Mapping[str, str], driver: Path = _DRIVER) -> tuple[str, ...]:
    """The GPUs that jobs may use, in CUDA's words: those of CUDA_VISIBLE_DEVICES, else all by number."""
    visible = env.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() and name.strip() != "-1")
    return tuple(str(number) for number in range(len(list(driver.iterdir())))) if driver.is_dir() else ()


def slot_count(setting: int, env: Mapping[str, str], driver: Path = _DRIVER) -> int:
    """How many jobs may run at once: `[launch] slots`, or for 0 one a GPU (one in all where there is none)."""
    return setting or max(1, len(gpu_names(env, driver)))


def gpu_environment(setting: int, slot: int, env: Mapping[str, str], driver: Path = _DRIVER) -> dict[str, str]:
    """The variables that give the job of this slot a GPU of its own; {} where slots are not GPUs."""
    names = gpu_names(env, driver) if setting == 0 else ()
    if slot >= len(names):
        return {}
    # Without this order CUDA counts the quickest GPU first, and numbers would not be those of the driver.
    return {"CUDA_VISIBLE_DEVICES": names[slot], "CUDA_DEVICE_ORDER": env.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")}
