"""With what a run alone is compared."""

from edm_core.snapshots.runs import RunRow
from edm_core.stores.models import version_labels
from edm_core.stores.query import matching_runs
from edm_core.stores.runs import load_rows
from edm_core.workspace import Workspace


def baseline_of(workspace: Workspace, row: RunRow) -> tuple[RunRow, str] | None:
    """The run to compare `row` with, and why that one: the one in Production, else the best by the primary metric.

    None where there is no other run. Raises StoreError.
    """
    labels = version_labels(workspace)
    in_production = [
        run_id for run_id, label in labels.items() if "Production" in label.split() and run_id != row.run_id
    ]
    found = load_rows(workspace, in_production[:1])
    if found:
        return found[0], f"in Production ({labels[found[0].run_id]})"
    primary = workspace.settings.metrics.primary
    best = matching_runs(workspace, "", primary, 2, None).run_ids
    found = load_rows(workspace, [run_id for run_id in best if run_id != row.run_id])
    return (found[0], f"the best by {primary}") if found else None
