"""Whether a version loads and predicts where this package is not installed: asked in a fresh process elsewhere."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edm_core.commandlog import run_logged
from edm_core.errors import StoreError
from edm_core.snapshots.models import ModelVersion
from edm_core.workspace import Workspace

_CHILD = Path(__file__).with_name("load_check_child.py")
_SECONDS = 180.0


def loads(workspace: Workspace, version: ModelVersion) -> tuple[bool, str]:
    """Whether `models:/NAME/VERSION` loads and predicts finite values on its input example, and what was seen."""
    env = {**os.environ, "MLFLOW_TRACKING_URI": workspace.tracking_uri, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    if workspace.tracking_uri.startswith("file:"):
        env["MLFLOW_ALLOW_FILE_STORE"] = "true"
    return predicts(workspace, f"models:/{version.name}/{version.version}", sys.executable, env)


def predicts(workspace: Workspace, model: str, python: str, env: Mapping[str, str]) -> tuple[bool, str]:
    """The same for a model's address or folder, in another Python and environment."""
    with tempfile.TemporaryDirectory(prefix="edm-load-") as elsewhere:
        try:
            done = run_logged(
                [python, "-I", str(_CHILD), model, elsewhere],
                cwd=Path(elsewhere),
                log=workspace.command_log_path,
                env=env,
                timeout=_SECONDS,
            )
        except StoreError as error:
            return False, error.message
    if done.returncode:
        return False, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["predicted"] is None:
        return False, "loads, but has no input example to predict on"
    return bool(seen["finite"]), "loads and predicts" if seen["finite"] else "predicts values that are no numbers"
