"""`--filter` and `--order-by`: MLflow's own language, answered by MLflow's own client.

The answer is a list of run ids in order, so that whatever answers the question can be replaced without any change to
those who ask.
"""

import re

from edm_core.errors import StoreError
from edm_core.settings import MetricsSettings
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.redact import without_password
from edm_core.workspace import Workspace

_PAGE = 1000
_ATTRIBUTES = ("start_time", "end_time", "status", "run_name", "run_id", "artifact_uri", "user_id")
_DIRECTION = re.compile(r"\s+(asc|desc)\s*$", re.IGNORECASE)


def matching_runs(
    workspace: Workspace, query: str, order_by: str = "", limit: int | None = None, experiment: str | None = None
) -> list[str]:
    """Ids of the active runs that `query` (MLflow's filter language, "" for all) selects, in the order asked.

    `order_by` lists `metrics.x DESC` and the like, separated by commas; a bare metric name means the best last value
    first, by the metric's direction. Raises StoreError with MLflow's words for a query that it cannot read.
    """
    client = mlflow_client(workspace)
    from mlflow.exceptions import MlflowException

    name = workspace.settings.tracking.experiment if experiment is None else experiment
    keys = order_keys(order_by, workspace.settings.metrics)
    found: list[str] = []
    try:
        ids = [e.experiment_id for e in client.search_experiments() if name in (e.name, ALL_EXPERIMENTS)]
        token = None
        while ids:
            wanted = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = client.search_runs(ids, query, max_results=wanted, order_by=keys, page_token=token)
            found += [run.info.run_id for run in page]
            token = page.token
            if not token or (limit is not None and len(found) >= limit):
                break
    except MlflowException as error:
        raise _explained(query, order_by, error) from error
    return found


def order_keys(order_by: str, metrics: MetricsSettings) -> list[str]:
    """MLflow's `order_by` list of what the user typed."""
    keys = []
    for part in filter(None, (part.strip() for part in order_by.split(","))):
        direction = _DIRECTION.search(part)
        name = part[: direction.start()] if direction else part
        if "." not in name and name not in _ATTRIBUTES and not name.startswith(("`", '"')):
            otherwise = "ASC" if metrics.minimised(name) else "DESC"
            keys.append(f"metrics.`{name}` {direction[1] if direction else otherwise}")
        else:
            keys.append(part)
    return keys


def _explained(query: str, order_by: str, error: Exception) -> StoreError:
    code = getattr(error, "error_code", "")
    reason = without_password(str(error).strip().split("\n")[0])[:400]
    if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
        asked = query if query else order_by
        return StoreError(
            f"MLflow cannot read {asked!r}: {reason}",
            "For example: metrics.val_loss < 0.03 and params.backbone = 'cnn'; names with / or - go in backticks.",
        )
    return StoreError(f"MLflow does not answer: {reason}", "Is the store up, and [tracking] uri in edm.toml right?")
