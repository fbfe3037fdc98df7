"""What is settled before the first step: the run's name and config, its folder, its tags."""

import datetime as dt
import os
from dataclasses import replace

from edm_core.naming import check_run_name
from edm_core.training.config import TrainingConfig, default_run_name
from edm_core.training.data_state import data_tags
from edm_core.training.environment import git_state, process_tags, user_name
from edm_core.training.run_folder import RunFolder, create_run_folder, open_run_folder, taken
from edm_core.workspace import Workspace


def resolve_config(workspace: Workspace, config: TrainingConfig) -> TrainingConfig:
    """The config with its run name and, for a resumed run, with what the run was started with.

    Raises RunNameError where the name is bad or taken, NotFoundError where there is nothing to resume.
    """
    if config.resume:
        return open_run_folder(workspace.runs_dir, config)[1]
    if not config.run_name:
        now = dt.datetime.now().astimezone()
        config = replace(config, run_name=default_run_name(config, now))
    check_run_name(config.run_name)
    folder = workspace.run_folder(config.run_name)
    if folder.exists() or folder.with_name(f"{folder.name}.dvc").exists():
        raise taken(config.run_name)
    return config


def open_folder(workspace: Workspace, config: TrainingConfig) -> RunFolder:
    """Make the folder of a new run, or open that of a resumed one."""
    if config.resume:
        folder, merged = open_run_folder(workspace.runs_dir, config)
        folder.write_config(merged)
        return folder
    return create_run_folder(workspace.runs_dir, config, data_tags(workspace).get("edm.data_version", ""))


def run_tags(workspace: Workspace, config: TrainingConfig, folder: RunFolder) -> dict[str, str]:
    """The MLflow tags that join a run with git, DVC, its folder and its process."""
    commit, dirty = git_state(workspace)
    job_id = os.environ.get("EDM_JOB_ID")
    tags = {
        "mlflow.user": user_name(),
        "mlflow.source.name": "edm train",
        "mlflow.source.type": "LOCAL",
        "edm.run_dir": workspace.relative(folder.path),
        "edm.git_dirty": str(dirty).lower(),
        **process_tags(),
    }
    optional = {
        "mlflow.source.git.commit": commit,
        "mlflow.note.content": config.hypothesis,
        "edm.job_id": job_id,
        "mlflow.parentRunId": os.environ.get("EDM_PARENT_RUN"),
        "edm.sweep": os.environ.get("EDM_SWEEP"),
    }
    return tags | data_tags(workspace) | {key: value for key, value in optional.items() if value}
