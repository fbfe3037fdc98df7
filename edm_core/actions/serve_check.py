"""Whether a version can be served: a clean environment from its requirements only, in which it loads and predicts."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edm_core.actions.load_check import predicts
from edm_core.actions.model_download import download
from edm_core.commandlog import run_logged
from edm_core.errors import ActionError
from edm_core.lock import DOING, Say, quiet
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.workspace import Workspace

_SECONDS = 3600.0


def serve_check(workspace: Workspace, version: ModelVersion, wheels: Path | None = None, say: Say = quiet) -> Outcome:
    """Build a virtual environment from the version's requirements.txt and predict on its input example there.

    With `wheels`, a folder of wheels, nothing is fetched from an index. Raises ActionError when the environment
    cannot be built or the version does not predict in it.
    """
    with tempfile.TemporaryDirectory(prefix="edm-serve-") as temporary:
        model, environment = Path(temporary) / "model", Path(temporary) / "env"
        say(f"{DOING}fetching {version.name} v{version.version}")
        download(workspace, version, model)
        wanted = model / "requirements.txt"
        offline = ["--no-index", "--find-links", str(wheels.resolve())] if wheels else []
        required = [line for line in wanted.read_text(encoding="utf-8").splitlines() if line.strip()]
        say(f"{DOING}making an environment")
        _run(workspace, [sys.executable, "-m", "venv", str(environment)], "no environment could be made")
        python = str(environment / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        say(f"{DOING}installing {len(required)} requirements; this takes minutes")
        _run(
            workspace,
            [*pip, *offline, "-r", str(wanted)],
            f"what {version.name} v{version.version} requires could not be installed",
        )
        say(f"{DOING}loading and predicting there")
        # Of the folder, not of the store: a server of the model needs no driver of our database.
        passed, seen = predicts(workspace, str(model), python, os.environ)
    if not passed:
        raise ActionError(
            f"{version.name} v{version.version} does not predict in a clean environment: {seen}",
            f"It was built from: {', '.join(required)}.",
        )
    return Outcome(
        f"{version.name} v{version.version} {seen} in a clean environment",
        f"built from {', '.join(required)}",
        stale=(),
        data={"name": version.name, "version": version.version, "requirements": required},
    )


def _run(workspace: Workspace, argv: Sequence[str], failed: str) -> subprocess.CompletedProcess[str]:
    done = run_logged(argv, cwd=workspace.root, log=workspace.command_log_path, timeout=_SECONDS)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise ActionError(f"{failed}: {said[0]}", "With --wheels DIR nothing is fetched from an index.")
    return done
