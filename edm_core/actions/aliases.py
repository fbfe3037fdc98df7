"""Free aliases of model versions, such as champion and challenger; those of stages follow the stages."""

from edm_core.actions.mlflow_call import logged_call
from edm_core.actions.stages import WITH_ALIAS, pick
from edm_core.errors import ActionError, NotFoundError
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace


def set_alias(workspace: Workspace, name: str, alias: str, number: int) -> Outcome:
    """Let `alias` name version `number` of `name`.

    Raises NotFoundError, ActionError for an alias that belongs to a stage, StoreError when MLflow refuses it.
    """
    _check_free(alias)
    versions = list_versions(workspace, name)
    pick(versions, name, number)
    before = next((version.version for version in versions if alias in version.aliases), None)
    client = mlflow_client(workspace)
    call = f"set_registered_model_alias({name!r}, {alias!r}, {str(number)!r})"
    hint = "Use letters, digits, '_', '-'; `latest` and v3 are taken."
    with logged_call(workspace, call), registry_errors(f"alias {alias!r} cannot be set", hint):
        client.set_registered_model_alias(name, alias, str(number))
    moved = f"was v{before}" if before and before != number else ""
    return Outcome(f"{name}@{alias} is v{number}", moved, stale=("runs", "models"))


def delete_alias(workspace: Workspace, name: str, alias: str) -> Outcome:
    """Delete an alias; the version stays. Raises NotFoundError, ActionError for one that belongs to a stage."""
    _check_free(alias)
    named = next((version for version in list_versions(workspace, name) if alias in version.aliases), None)
    if named is None:
        raise NotFoundError(f"{name} has no alias {alias!r}", "`edm models list` shows all.")
    client = mlflow_client(workspace)
    call = f"delete_registered_model_alias({name!r}, {alias!r})"
    with logged_call(workspace, call), registry_errors(f"alias {alias!r} cannot be deleted"):
        client.delete_registered_model_alias(name, alias)
    return Outcome(f"{name}@{alias} is gone", f"it was v{named.version}", stale=("runs", "models"))


def _check_free(alias: str) -> None:
    if alias.lower() in [stage.lower() for stage in WITH_ALIAS]:
        raise ActionError(
            f"alias {alias!r} follows the stage of the same name",
            f"`edm models promote V {alias.capitalize()}` moves it.",
        )
