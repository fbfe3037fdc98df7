"""Which way a workspace's tracking store is read: databases by SQL, everything else through MLflow's client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from edm_core.snapshots.run_columns import RunColumns
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.database import Database, SqliteFile
from edm_core.stores.protocols import MEMORY, Curve, Experiment, ManyRuns, Told, TrackingStore
from edm_core.stores.redact import without_password
from edm_core.stores.sql_tracking import SqlTracking
from edm_core.stores.sqlite_schema import KNOWN_REVISIONS, OLDER_REVISIONS, database_path, reading, revision
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from edm_core.curves.history import History, Span


@dataclass(slots=True)
class EmptyTracking:
    """A store that MLflow has not made yet. Reading never makes it."""

    label: str
    notice: str = ""

    def experiments(self) -> tuple[Experiment, ...]:
        return ()

    def runs(self, experiment: str, limit: int | None, best_of: Sequence[str]) -> list[RunRow]:
        return []

    def many(
        self, experiment: str, best_of: Sequence[str], known: ManyRuns | None, told: Told | None = None
    ) -> ManyRuns:
        return ManyRuns(RunColumns()) if known is None or known.columns.run_ids else known

    def summaries_of(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        rows = self.runs_by_id(run_ids, metrics)
        return {id_: {key: row.metrics[key] for key in metrics if key in row.metrics} for id_, row in rows.items()}

    def with_best(self, known: ManyRuns, metrics: Sequence[str]) -> ManyRuns | None:
        return None

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        return {}

    def active_ids(self, run_ids: Sequence[str], names: Sequence[str]) -> set[str]:
        return set()

    def find(self, ref: str) -> list[tuple[str, str]]:
        return []

    def names(self, limit: int) -> list[str]:
        return []

    def curves(self, run_id: str, points: int) -> dict[str, Curve]:
        return {}

    def summaries(self, run_id: str) -> Mapping[str, MetricSummary]:
        return {}

    def histories(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: "Span | None", known: "Mapping[str, History]"
    ) -> "dict[str, History]":
        return {}


def open_tracking(workspace: Workspace) -> TrackingStore:
    """The store of the workspace's runs. Raises StoreError where it is there and cannot be opened."""
    uri = workspace.tracking_uri
    label = store_label(workspace)
    path = database_path(uri)
    if uri.startswith(MEMORY):
        from edm_core.stores.memory import memory_store

        return memory_store(uri)
    if path is not None:
        try:
            with reading(path) as db:
                found = revision(db)
        except FileNotFoundError:
            return EmptyTracking(label)
        return _by_revision(workspace, label, found, SqliteFile(path), path.name)
    from edm_core.stores.postgres import PostgresServer, is_postgres, postgres_revision

    if is_postgres(uri):
        server = PostgresServer(uri, label)
        with server.reading() as answers:
            found = postgres_revision(answers)
        return _by_revision(workspace, label, found, server, label)
    if urlsplit(uri).scheme in ("http", "https"):
        from edm_core.stores.http_tracking import HttpTracking
        from edm_core.stores.rest_client import RestClient
        from edm_core.stores.rest_session import needs_mlflow

        if not needs_mlflow():
            return HttpTracking(workspace, label, _client=RestClient(uri, label))
    return _through_client(workspace, label, _offer(uri) if uri.startswith("file:") else "")


def _offer(uri: str) -> str:
    """Folders of runs are in MLflow's maintenance mode, and slow: its own command moves them into a database."""
    folder = unquote(urlsplit(uri).path)
    return (
        f"a folder of runs is slow: `mlflow migrate-filestore --source {folder} --target sqlite:///mlflow.db` moves it"
    )


def _by_revision(workspace: Workspace, label: str, found: str, database: Database, name: str) -> TrackingStore:
    if not found:
        return EmptyTracking(label)
    if found in OLDER_REVISIONS:
        address = without_password(workspace.tracking_uri)
        return EmptyTracking(label, f"{name} is being made by MLflow, or waits for `mlflow db upgrade {address}`")
    if found in KNOWN_REVISIONS:
        return SqlTracking(database, workspace.settings.metrics, label)
    return _through_client(
        workspace, label, f"schema {found[:12]} of {name} is not known here: read the slow way, through MLflow"
    )


def store_label(workspace: Workspace) -> str:
    """The store's URI in short, such as `sqlite:mlflow.db`; without user, password and query."""
    uri = workspace.tracking_uri
    path = database_path(uri)
    if path is not None:
        return f"sqlite:{_short(workspace, path)}"
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return f"file:{_short(workspace, Path(parts.path))}"
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def _short(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.root).as_posix() if path.is_relative_to(workspace.root) else str(path)


def _through_client(workspace: Workspace, label: str, notice: str) -> TrackingStore:
    from edm_core.stores.client_tracking import ClientTracking

    return ClientTracking(workspace, label, notice)
