"""Before training: is the data here, and is it what data.dvc says?"""

from collections.abc import Callable

from edm_core.training.config import TrainingConfig
from edm_core.workspace import Workspace


def ready_data(workspace: Workspace, config: TrainingConfig, say: Callable[[str], None]) -> None:
    """placeholder"""
