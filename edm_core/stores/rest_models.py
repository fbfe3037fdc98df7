"""The model registry of an MLflow server, through its REST API."""

from typing import Any
from urllib.parse import urlsplit

from edm_core.snapshots.models import ModelVersion
from edm_core.stores.rest_client import RestClient


def rest_versions(uri: str, name: str | None, limit: int | None) -> tuple[ModelVersion, ...]:
    """Versions of the model (of all where None), newest first within a model, at most `limit`. Raises StoreError."""
    client = RestClient(uri, f"the registry at {urlsplit(uri).netloc.rpartition('@')[2]}")
    found: list[ModelVersion] = []
    for model in [name] if name is not None else _names(client):
        found += _of(client, model, None if limit is None else limit - len(found))
        if limit is not None and len(found) >= limit:
            break
    return tuple(found)


def _names(client: RestClient) -> list[str]:
    names: list[str] = []
    token: str | None = None
    while token != "":
        page = client.search_registered_models(token)
        names += page
        token = page.token
    return names


def _of(client: RestClient, name: str, limit: int | None) -> list[ModelVersion]:
    # The search gives no aliases where the server keeps its registry in SQL: they are asked of the model.
    named: dict[int, list[str]] = {}
    for alias, version in client.aliases(name).items():
        named.setdefault(version, []).append(alias)
    found: list[ModelVersion] = []
    token: str | None = None
    while token != "" and (limit is None or len(found) < limit):
        page = client.search_model_versions(name, None if limit is None else limit - len(found), token)
        found += [_version(raw, named) for raw in page]
        token = page.token
    return found


def _version(raw: Any, named: dict[int, list[str]]) -> ModelVersion:
    number = int(raw["version"])
    return ModelVersion(
        name=str(raw["name"]),
        version=number,
        stage=raw.get("current_stage") or "None",
        aliases=tuple(sorted(named.get(number, ()))),
        run_id=raw.get("run_id", ""),
        source=raw.get("source", ""),
        created_ms=int(raw.get("creation_timestamp", 0)),
        description=raw.get("description", ""),
        tags={tag["key"]: tag.get("value", "") for tag in raw.get("tags", ())},
    )
