"""How the demo workspace is built, step by step; each step is skipped when its result is there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edm_core.errors import ActionError, WorkspaceError
from edm_core.files import write_json
from edm_core.workspace import Workspace, find_workspace

MARKER = Path(".edm") / "demo.json"
EPOCHS = 15
RUNS = {"cnn_lr3e-4": "0.0003", "cnn_lr1e-3": "0.001", "cnn_lr3e-3": "0.003"}


def is_finished(root: Path) -> bool:
    """Whether a whole demo workspace lies here."""
    try:
        return bool(json.loads((root / MARKER).read_text(encoding="utf-8")).get("finished"))
    except (OSError, ValueError):
        return False


def build(root: Path, say: Callable[[str], None]) -> Workspace:
    """Make what is missing of the demo workspace; each step's title goes to `say`.

    Raises WorkspaceError when the folder holds something else, ActionError when a step fails.
    """
    if root.exists() and any(root.iterdir()) and not (root / MARKER).exists():
        raise WorkspaceError(f"{root} holds something else", "Give another folder: `edm demo DIR`.")
    write_json(root / MARKER, {"finished": False})
    steps: list[tuple[str, Callable[[Path], None]]] = [
        ("git and DVC repository with remotes", _repositories),
        ("data set", _data),
        ("three training runs", _runs),
        ("the best run: keep, push, register", _best),
    ]
    for number, (title, step) in enumerate(steps, start=1):
        say(f"demo {number}/{len(steps)}: {title}")
        step(root)
    write_json(root / MARKER, {"finished": True})
    return find_workspace(root)


def _repositories(root: Path) -> None:
    remotes = root / ".remotes"
    if not (root / ".git").exists():
        _run(root, "git", "init", "-q", "-b", "main")
    _run(root, "git", "config", "user.name", "EDM Demo")
    _run(root, "git", "config", "user.email", "demo@example.invalid")
    _run(root, sys.executable, "-m", "edm_core.cli.main", "init")
    ignore = root / ".gitignore"
    if "/.remotes/" not in ignore.read_text(encoding="utf-8").splitlines():
        ignore.write_text(ignore.read_text(encoding="utf-8") + "/.remotes/\n", encoding="utf-8")
    (remotes / "dvc").mkdir(parents=True, exist_ok=True)
    if not (remotes / "git.git").exists():
        _run(root, "git", "init", "-q", "--bare", "-b", "main", str(remotes / "git.git"))
    if "origin" not in _run(root, "git", "remote").split():
        _run(root, "git", "remote", "add", "origin", str(remotes / "git.git"))
    if "remote.nas.url=" not in _dvc(root, "config", "--list"):
        _dvc(root, "remote", "add", "--default", "nas", str(remotes / "dvc"))
    _commit(root, "Begin the demo workspace")


def _data(root: Path) -> None:
    _edm(root, "data", "make")
    _commit(root, "Track the data set with DVC")
    _dvc(root, "push", "--quiet", "data.dvc")
    _run(root, "git", "push", "-q", "-u", "origin", "main")


def _runs(root: Path) -> None:
    workspace = find_workspace(root)
    for name, rate in RUNS.items():
        if _is_trained(workspace, name):
            continue
        options = ["--resume"] if workspace.run_folder(name).exists() else []
        _edm(
            root, "train", "data/annotations", "--run-name", name, "--epochs", str(EPOCHS), "--lr", rate,
            "--hypothesis", f"a learning rate of {rate} suits the small CNN", *options,
        )  # fmt: skip


def _best(root: Path) -> None:
    rows = {row["name"]: row for row in _rows(root)}
    best = min(RUNS, key=lambda name: rows[name]["best"]["val_loss"]["value"])
    _edm(root, "keep", best)
    # Everything, so that the data set too is seen on the remote by us and not only sent by DVC.
    _edm(root, "push", "--all")
    if not rows[best]["model"]:
        _edm(root, "models", "register", best)


def _is_trained(workspace: Workspace, name: str) -> bool:
    return any(row["name"] == name and row["status"] == "FINISHED" for row in _rows(workspace.root))


def _rows(root: Path) -> list[dict[str, Any]]:
    listed = _run(root, sys.executable, "-m", "edm_core.cli.main", "runs", "list", "--json")
    rows: list[dict[str, Any]] = json.loads(listed)["runs"]
    return rows


def _commit(root: Path, message: str) -> None:
    _run(root, "git", "add", "-A")
    if _run(root, "git", "status", "--porcelain"):
        _run(root, "git", "commit", "-q", "-m", message)


def _dvc(root: Path, *arguments: str) -> str:
    return _run(root, sys.executable, "-m", "dvc", *arguments)


def _edm(root: Path, *arguments: str) -> None:
    """Run one of our own verbs, its progress on the terminal as it comes."""
    done = subprocess.run(
        [sys.executable, "-m", "edm_core.cli.main", *arguments], cwd=root, stdout=sys.stderr, check=False
    )
    if done.returncode:
        raise ActionError(
            f"`edm {' '.join(arguments)}` failed", "Mend what it says and run `edm demo` again: it goes on there."
        )


def _run(root: Path, *argv: str) -> str:
    """Run a command quietly and return what it printed."""
    done = subprocess.run(
        argv, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "DVC_NO_ANALYTICS": "1"}
    )
    if done.returncode:
        raise ActionError(f"`{' '.join(argv)}` failed: {done.stderr.strip()}", "Mend it and run `edm demo` again.")
    return done.stdout
