"""A file that a run saved: from its folder, else from where MLflow keeps the run's artifacts."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from edm_core.errors import StoreError
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import MEMORY
from edm_core.stores.redact import brief_reason
from edm_core.stores.rest_client import RestClient
from edm_core.stores.runs import folder_of, store_label
from edm_core.stores.sqlite_schema import database_path, reading
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

MAX_BYTES = 4_000_000
"""More is no document that a person compares."""
AWAY = "its artifacts are not on this machine"
_NO_FOLDER = "its folder is not here"


class Artifacts(Protocol):
    """Artifacts that are reached over a network; both raise StoreError."""

    def artifacts(self, run_id: str) -> Mapping[str, int]:
        """Name → bytes of the files at the top."""

    def artifact(self, run_id: str, path: str) -> bytes:
        """One of them."""


class RunFiles:
    """The files of runs, for one look at them: what a run's artifacts are is asked once.

    Without `fetch` nothing is asked over a network: what would take it is said to be AWAY.
    """

    def __init__(self, workspace: Workspace, fetch: bool = True) -> None:
        self._workspace, self._fetch = workspace, fetch
        self._client: Artifacts | None = None
        self._listed: dict[str, Mapping[str, int]] = {}

    def read(self, row: RunRow, name: str) -> bytes:
        """The file `name` of a run. Raises StoreError, whose message says in a few words why it cannot be had."""
        folder = folder_of(self._workspace, row)
        if folder is not None and (folder / name).exists():
            return _read(folder / name)
        none = f"no {name}" if folder is not None else _NO_FOLDER
        uri = self._workspace.tracking_uri
        if not row.run_id or uri.startswith(MEMORY):
            raise StoreError(none)
        database = database_path(uri)
        place = urlsplit(_artifacts_in(database, row.run_id)) if database is not None else urlsplit(uri)
        if place.scheme in ("", "file") and database is not None:
            path = Path(unquote(place.path)) / name
            if place.path and path.is_file():
                return _read(path)
            raise StoreError(none)
        if place.scheme == "mlflow-artifacts":
            raise StoreError("its artifacts are on a server that this store does not name")
        if not self._fetch:
            raise StoreError(AWAY)
        return self._fetched(row.run_id, name, none)

    def _fetched(self, run_id: str, name: str, none: str) -> bytes:
        if self._client is None:
            uri = self._workspace.tracking_uri
            served = urlsplit(uri).scheme in ("http", "https")
            self._client = RestClient(uri, store_label(self._workspace)) if served else _ByClient(self._workspace)
        if run_id not in self._listed:
            self._listed[run_id] = self._client.artifacts(run_id)
        size = self._listed[run_id].get(name)
        if size is None:
            raise StoreError(none)
        if size > MAX_BYTES:
            raise _too_large(name)
        return self._client.artifact(run_id, name)


class _ByClient:
    """Through MLflow's client: stores of other kinds, and artifacts of a database that lie in a bucket."""

    def __init__(self, workspace: Workspace) -> None:
        self._client: MlflowClient = mlflow_client(workspace)

    def artifacts(self, run_id: str) -> Mapping[str, int]:
        from mlflow.exceptions import MlflowException

        try:
            return {file.path: file.file_size or 0 for file in self._client.list_artifacts(run_id) if not file.is_dir}
        except (MlflowException, OSError) as error:
            raise StoreError(f"its artifacts cannot be reached: {brief_reason(error)}") from error

    def artifact(self, run_id: str, path: str) -> bytes:
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory(prefix="edm-") as folder:
            try:
                return _read(Path(self._client.download_artifacts(run_id, path, folder)))
            except (MlflowException, OSError) as error:
                raise StoreError(f"{path} cannot be fetched: {brief_reason(error)}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise _too_large(path.name)
    return data


def _too_large(name: str) -> StoreError:
    return StoreError(f"{name} is larger than {MAX_BYTES:,} bytes")


def _artifacts_in(database: Path, run_id: str) -> str:
    """The address of the run's artifacts; "" where the store knows no such run, or is not there any more."""
    try:
        with reading(database) as db:
            found = db.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    except FileNotFoundError:
        return ""
    return str(found[0] or "") if found else ""
