"""What MLflow's client raises, as an error for the user's eyes; used where the client is there already."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from edm_core.errors import StoreError


def without_passwords(text: str) -> str:
    """`text` with user and password taken out of every address in it."""
    return re.sub(r"://[^/@\s]+@", "://", text)


@contextmanager
def registry_errors(what: str, hint: str = "Check the registry's address and its server.") -> Iterator[None]:
    """Turn an MlflowException into a StoreError: `what` could not be done, and why."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        lines = str(error.message).strip().splitlines() or [type(error).__name__]
        raise StoreError(f"{what}: {without_passwords(lines[0])}", hint) from error
