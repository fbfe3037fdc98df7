"""How the run table was left in a workspace, so that it looks the same at the next start."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from edm_core.errors import ActionError, SettingsError
from edm_core.files import write_json
from edm_core.table.view import View, read_view
from edm_core.workspace import Workspace

VERSION = 1


@dataclass(frozen=True, slots=True)
class TableMemory:
    """`experiment` None is the workspace's own; `baseline` is a run id, "" for none; `called` names the saved view."""

    view: View = field(default_factory=View)
    called: str = ""
    experiment: str | None = None
    baseline: str = ""


def memory_path(workspace: Workspace) -> Path:
    return workspace.edm_dir / "table.json"


def recall(workspace: Workspace) -> TableMemory:
    """As it was left; as usual where nothing is remembered, or what is there cannot be read."""
    try:
        raw = json.loads(memory_path(workspace).read_bytes())
        if not isinstance(raw, dict) or raw.get("version") != VERSION:
            return TableMemory()
        table = raw.get("view")
        view = read_view(table if isinstance(table, dict) else {}, workspace.settings.metrics, "table.json")
    except (OSError, ValueError, SettingsError):
        # It only saves a few key presses: a damaged one counts as none and is written anew.
        return TableMemory()
    experiment, baseline, called = (raw.get(key) for key in ("experiment", "baseline", "called"))
    return TableMemory(
        view,
        called if isinstance(called, str) else "",
        experiment if isinstance(experiment, str) else None,
        baseline if isinstance(baseline, str) else "",
    )


def remember(workspace: Workspace, memory: TableMemory) -> None:
    """Raises ActionError where it cannot be written."""
    document = {
        "version": VERSION, "view": memory.view.as_table(), "called": memory.called,
        "experiment": memory.experiment, "baseline": memory.baseline,
    }  # fmt: skip
    try:
        write_json(memory_path(workspace), document)
    except OSError as error:
        raise ActionError(
            f"how the table is arranged is not remembered: {memory_path(workspace)}: {error.strerror}",
            "It stays so until you leave.",
        ) from error
