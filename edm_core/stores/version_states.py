"""The data state of the run folders that model versions came from, without asking MLflow of any run."""

from collections.abc import Sequence

from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import run_folders, trash_entries
from edm_core.workspace import Workspace


def version_states(workspace: Workspace, versions: Sequence[ModelVersion]) -> list[DataState]:
    """The state of each version's run folder, by the tag that names it; NONE where nothing of it is here."""
    runs_dir = f"{workspace.settings.runs.dir}/"
    names = [
        run_dir.removeprefix(runs_dir) if (run_dir := version.tags.get("edm.run_dir", "")).startswith(runs_dir) else ""
        for version in versions
    ]
    folders = run_folders(workspace, {name for name in names if name})
    trashed = {entry.run_id for entry in trash_entries(workspace) if entry.run_id}
    return [
        folders[name].state if name in folders else DataState.TRASHED if version.run_id in trashed else DataState.NONE
        for name, version in zip(names, versions, strict=True)
    ]
