"""Changing what MLflow says of a run, with its errors turned into ours."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from edm_core.errors import StoreError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

T = TypeVar("T")


def told(what: str, call: Callable[[], T]) -> T:
    """The call's result; StoreError in MLflow's words when it fails."""
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except MlflowException as error:
        reason = str(error).strip().splitlines()[0][:300]
        raise StoreError(f"MLflow could not {what}: {reason}", "`edm doctor` checks the store.") from error


def set_tags(client: "MlflowClient", run_id: str, tags: Mapping[str, str | None]) -> None:
    """Set these tags of a run; None deletes one. Raises StoreError."""
    for name, value in tags.items():
        if value is not None:
            told(f"set {name}", partial(client.set_tag, run_id, name, value))
        elif name in told("read the run", lambda: client.get_run(run_id)).data.tags:
            told(f"delete {name}", partial(client.delete_tag, run_id, name))


def is_deleted(client: "MlflowClient", run_id: str) -> bool:
    return bool(told("read the run", lambda: client.get_run(run_id)).info.lifecycle_stage == "deleted")
