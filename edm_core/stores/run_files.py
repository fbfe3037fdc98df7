"""A file that a run saved: from its folder, else from where MLflow keeps the run's artifacts."""

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edm_core.errors import StoreError
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import MEMORY
from edm_core.stores.redact import brief_reason
from edm_core.stores.runs import folder_of
from edm_core.stores.sqlite_schema import database_path, reading
from edm_core.workspace import Workspace

MAX_BYTES = 4_000_000
"""More is no document that a person compares."""


def run_file(workspace: Workspace, row: RunRow, name: str) -> bytes:
    """The file `name` of a run. Raises StoreError, whose message says in a few words why it cannot be had."""
    folder = folder_of(workspace, row)
    if folder is not None and (folder / name).exists():
        return _read(folder / name)
    place = _artifacts(workspace, row.run_id) if row.run_id else ""
    parts = urlsplit(place)
    if parts.scheme in ("", "file") and place:
        path = Path(unquote(parts.path)) / name
        if path.is_file():
            return _read(path)
    elif place:
        return _downloaded(workspace, row.run_id, name)
    raise StoreError(f"no {name}" if folder is not None else "its folder is not here")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise StoreError(f"{path.name} is larger than {MAX_BYTES:,} bytes")
    return data


def _artifacts(workspace: Workspace, run_id: str) -> str:
    """The address of the run's artifacts; "" where the store knows no such run."""
    if workspace.tracking_uri.startswith(MEMORY):
        return ""
    path = database_path(workspace.tracking_uri)
    if path is not None:
        with reading(path) as db:
            found = db.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
        return str(found[0] or "") if found else ""
    from mlflow.exceptions import MlflowException

    try:
        return str(mlflow_client(workspace).get_run(run_id).info.artifact_uri or "")
    except MlflowException as error:
        raise StoreError(f"its artifacts cannot be reached: {brief_reason(error)}") from error


def _downloaded(workspace: Workspace, run_id: str, name: str) -> bytes:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory(prefix="edm-") as folder:
        try:
            return _read(Path(mlflow_client(workspace).download_artifacts(run_id, name, folder)))
        except (MlflowException, OSError) as error:
            raise StoreError(f"no {name} among its artifacts: {brief_reason(error)}") from error
