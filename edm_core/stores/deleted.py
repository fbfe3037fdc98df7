"""Runs that are deleted in MLflow: asked of its client, because only who wants one back looks for them."""

from typing import Any

from edm_core.errors import StoreError
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.redact import brief_reason
from edm_core.stores.tracking import open_tracking
from edm_core.workspace import Workspace

PAGE = 1000


def deleted_runs(workspace: Workspace, experiment: str | None = None) -> list[RunRow]:
    """Those of this experiment (None: of all active ones), newest first. Raises StoreError."""
    client = mlflow_client(workspace)
    from mlflow.entities import ViewType
    from mlflow.exceptions import MlflowException

    names = {one.id: one.name for one in open_tracking(workspace).experiments()}
    try:
        ids = [known for known, name in names.items() if experiment in (None, name)]
        found: list[Any] = []
        token = None
        while ids:
            page = client.search_runs(ids, run_view_type=ViewType.DELETED_ONLY, max_results=PAGE, page_token=token)
            found += page
            token = page.token
            if not token:
                break
    except MlflowException as error:
        raise StoreError(
            f"deleted runs cannot be read: {brief_reason(error)}", "`edm doctor` checks the store."
        ) from error
    return [
        RunRow(
            run_id=run.info.run_id, name=run.info.run_name or "", status=run.info.status, start_ms=run.info.start_time,
            end_ms=run.info.end_time, experiment=names[str(run.info.experiment_id)], tags=dict(run.data.tags),
            deleted=True,
        )
        for run in found
    ]  # fmt: skip
