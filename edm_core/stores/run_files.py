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
AWAY = "its artifacts are not on this machine"


def run_file(workspace: Workspace, row: RunRow, name: str, fetch: bool = True) -> bytes:
    """The file `name` of a run. Raises StoreError, whose message says in a few words why it cannot be had: AWAY where
    it would take MLflow's client and a network, and `fetch` is False."""
    folder = folder_of(workspace, row)
    if folder is not None and (folder / name).exists():
        return _read(folder / name)
    local = database_path(workspace.tracking_uri)
    if row.run_id and local is not None:
        place = urlsplit(_artifacts_in(local, row.run_id))
        if place.scheme in ("", "file"):
            path = Path(unquote(place.path)) / name
            if place.path and path.is_file():
                return _read(path)
            raise StoreError(f"no {name}" if folder is not None else "its folder is not here")
        if place.scheme == "mlflow-artifacts":
            raise StoreError("its artifacts are on a server that this store does not name")
    elif not row.run_id or workspace.tracking_uri.startswith(MEMORY):
        raise StoreError(f"no {name}" if folder is not None else "its folder is not here")
    if not fetch:
        raise StoreError(AWAY)
    return _downloaded(workspace, row.run_id, name)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise StoreError(f"{path.name} is larger than {MAX_BYTES:,} bytes")
    return data


def _artifacts_in(database: Path, run_id: str) -> str:
    """The address of the run's artifacts; "" where the store knows no such run, or is not there any more."""
    try:
        with reading(database) as db:
            found = db.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    except FileNotFoundError:
        return ""
    return str(found[0] or "") if found else ""


def _downloaded(workspace: Workspace, run_id: str, name: str) -> bytes:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory(prefix="edm-") as folder:
        try:
            return _read(Path(mlflow_client(workspace).download_artifacts(run_id, name, folder)))
        except (MlflowException, OSError) as error:
            raise StoreError(f"no {name} among its artifacts: {brief_reason(error)}") from error
