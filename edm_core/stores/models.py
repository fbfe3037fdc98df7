"""What the model registry holds: read straight from SQLite where it lies there, through MLflow's client elsewhere.

The SQL way needs no import of MLflow (1.5 s) and answers for 2,000 versions in milliseconds.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from edm_core.errors import StoreError
from edm_core.snapshots.models import ModelVersion
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.redact import without_password
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

STAGES = ("None", "Staging", "Production", "Archived")
_RANK = {"Archived": 0, "None": 1, "Staging": 2, "Production": 3}
_PAGE = 200
_BUSY_SECONDS = 10.0


def registry_uri(workspace: Workspace) -> str:
    """Where the registry is: MLflow's own MLFLOW_REGISTRY_URI, else beside the runs."""
    return os.environ.get("MLFLOW_REGISTRY_URI") or workspace.tracking_uri


def list_versions(workspace: Workspace, name: str | None = None, limit: int | None = None) -> tuple[ModelVersion, ...]:
    """Versions of the registered model `name` (None: of all models), newest first within a model.

    `limit` takes that many of the newest, so that a screen need not wait for all of a large registry.
    Empty where there is no registry yet. Raises StoreError when it cannot be read.
    """
    uri = registry_uri(workspace)
    if uri.startswith("sqlite:///"):
        return _from_sqlite(Path(uri.removeprefix("sqlite:///")), name, limit)
    return _from_client(workspace, name, limit)


def version_labels(workspace: Workspace) -> Mapping[str, str]:
    """Run id → label of its most promoted version, the newest where several stand alike."""
    uri = registry_uri(workspace)
    if uri.startswith("sqlite:///"):
        return labels_of(_from_sqlite(Path(uri.removeprefix("sqlite:///")), None, None, with_tags=False))
    return labels_of(_from_client(workspace, None, None))


def labels_of(versions: Iterable[ModelVersion]) -> dict[str, str]:
    best: dict[str, ModelVersion] = {}
    for version in versions:
        shown = best.get(version.run_id)
        if version.run_id and (shown is None or standing(version) > standing(shown)):
            best[version.run_id] = version
    return {run_id: version.label for run_id, version in best.items()}


def standing(version: ModelVersion) -> tuple[int, int, int]:
    return _RANK.get(version.stage, 1), version.created_ms, version.version


def _from_sqlite(path: Path, name: str | None, limit: int | None, with_tags: bool = True) -> tuple[ModelVersion, ...]:
    if not path.exists():
        return ()
    # A killed writer leaves a journal that read-only connections cannot roll back: open for writing, then forbid it.
    uri = f"file:{quote(str(path))}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA query_only=1")
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            if not {"model_versions", "model_version_tags", "registered_model_aliases"} <= tables:
                return ()
            # One transaction, so that stages, aliases and tags are of the same moment.
            connection.execute("BEGIN")
            return _select(connection, name, limit, with_tags)
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be read: {error}", "Check that the file is MLflow's and not damaged."
        ) from error


_CHOSEN = """
FROM model_versions WHERE current_stage != 'Deleted_Internal' AND (:name IS NULL OR name = :name)
ORDER BY name, version DESC LIMIT :limit
"""
_VERSIONS = f"SELECT name, version, current_stage, run_id, source, creation_time, description {_CHOSEN}"
_ALIASES = "SELECT name, version, alias FROM registered_model_aliases WHERE :name IS NULL OR name = :name"
_TAGS = f"""
SELECT name, version, key, value FROM model_version_tags WHERE (name, version) IN (SELECT name, version {_CHOSEN})
"""


def _select(
    connection: sqlite3.Connection, name: str | None, limit: int | None, with_tags: bool
) -> tuple[ModelVersion, ...]:
    asked = {"name": name, "limit": -1 if limit is None else limit}
    aliases: dict[tuple[str, int], list[str]] = {}
    for model, version, alias in connection.execute(_ALIASES, asked):
        aliases.setdefault((model, version), []).append(alias)
    tags: dict[tuple[str, int], dict[str, str]] = {}
    for model, version, key, value in connection.execute(_TAGS, asked) if with_tags else ():
        tags.setdefault((model, version), {})[key] = value or ""
    return tuple(
        ModelVersion(
            name=model,
            version=version,
            stage=stage or "None",
            aliases=tuple(sorted(aliases.get((model, version), ()))),
            run_id=run_id or "",
            source=source or "",
            created_ms=created or 0,
            description=description or "",
            tags=tags.get((model, version), {}),
        )
        for model, version, stage, run_id, source, created, description in connection.execute(_VERSIONS, asked)
    )


def _from_client(workspace: Workspace, name: str | None, limit: int | None) -> tuple[ModelVersion, ...]:
    if urlsplit(registry_uri(workspace)).scheme in ("http", "https"):
        from edm_core.stores.rest_models import rest_versions

        return rest_versions(registry_uri(workspace), name, limit)
    client = mlflow_client(workspace)
    versions: list[ModelVersion] = []
    with registry_errors(f"the registry at {without_password(registry_uri(workspace))} cannot be read"):
        for model in [name] if name is not None else _model_names(client):
            versions += _versions_of(client, model, None if limit is None else limit - len(versions))
            if limit is not None and len(versions) >= limit:
                break
    return tuple(versions)


def _model_names(client: "MlflowClient") -> list[str]:
    names: list[str] = []
    token: str | None = None
    while True:
        page = client.search_registered_models(max_results=_PAGE, order_by=["name ASC"], page_token=token)
        names += [model.name for model in page]
        token = page.token
        if not token:
            return names


def _versions_of(client: "MlflowClient", name: str, limit: int | None) -> list[ModelVersion]:
    # The search gives empty aliases on SQL stores, so they are asked of the model: one call, not one a version.
    by_version = _aliases_by_version(client, name)
    quoted = name.replace("'", "''")
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(
            f"name='{quoted}'",
            max_results=_PAGE if limit is None else min(_PAGE, limit),
            order_by=["version_number DESC"],
            page_token=token,
        )
        found += [from_mlflow(version, by_version.get(int(version.version), ())) for version in page]
        token = page.token
        if not token or (limit is not None and len(found) >= limit):
            return found[:limit]


def _aliases_by_version(client: "MlflowClient", name: str) -> dict[int, tuple[str, ...]]:
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
    by_version: dict[int, tuple[str, ...]] = {}
    for alias, version in sorted(model.aliases.items()):
        by_version[int(version)] = (*by_version.get(int(version), ()), alias)
    return by_version


def from_mlflow(version: Any, aliases: Iterable[str]) -> ModelVersion:
    """Our snapshot of MLflow's ModelVersion entity."""
    return ModelVersion(
        name=version.name,
        version=int(version.version),
        stage=version.current_stage or "None",
        aliases=tuple(sorted(aliases)),
        run_id=version.run_id or "",
        source=version.source or "",
        created_ms=int(version.creation_timestamp or 0),
        description=version.description or "",
        tags=dict(version.tags or {}),
    )
