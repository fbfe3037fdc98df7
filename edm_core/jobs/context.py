"""What joins a foreign script to its job: a folder for PYTHONPATH with a plug-in that MLflow finds by itself.

MLflow asks every installed run-context provider for tags whenever a run is opened. The folder looks like an installed
package, so nothing has to be installed and the script does not change. (MLFLOW_RUN_ID would not do: a script that
calls `mlflow.set_experiment` fails under it.)
"""

import os
from collections.abc import Mapping
from pathlib import Path

from edm_core.files import write_atomic

_MODULE = '''"""Tags the MLflow runs of a job with the job's id. Written by edm; put on PYTHONPATH for jobs only."""

import os

from mlflow.tracking.context.abstract_context import RunContextProvider


class JobContext(RunContextProvider):
    """The tags of every run that this process opens."""

    def in_context(self):
        return bool(os.environ.get("EDM_JOB_ID"))

    def tags(self):
        names = {"edm.job_id": "EDM_JOB_ID", "mlflow.parentRunId": "EDM_PARENT_RUN", "edm.sweep": "EDM_SWEEP"}
        return {tag: os.environ[name] for tag, name in names.items() if os.environ.get(name)}
'''
_FILES = {
    "edm_job_context.py": _MODULE,
    "edm_job_context-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: edm-job-context\nVersion: 1\n",
    "edm_job_context-1.dist-info/entry_points.txt": (
        "[mlflow.run_context_provider]\nedm_job = edm_job_context:JobContext\n"
    ),
}


def ensure_context(folder: Path) -> Path:
    """Write the plug-in into `folder` where it is missing or another; the folder."""
    for name, content in _FILES.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            write_atomic(path, content)
    return folder


def python_path(folder: Path, env: Mapping[str, str]) -> str:
    """PYTHONPATH with the plug-in in front of what the user has there."""
    return os.pathsep.join([str(folder), *filter(None, [env.get("PYTHONPATH", "")])])
