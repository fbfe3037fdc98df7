"""What MLflow's client raises, as an error for the user's eyes; used where the client is there already."""

from collections.abc import Iterator
from contextlib import contextmanager

from edm_core.errors import StoreError
from edm_core.stores.redact import brief_reason


@contextmanager
def registry_errors(what: str, hint: str = "Check the registry's address and its server.") -> Iterator[None]:
    """Turn an MlflowException into a StoreError: `what` could not be done, and why."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StoreError(f"{what}: {brief_reason(error, 1000)}", hint) from error
