"""Rollback: the version that stood in a stage before comes back, recorded as such."""

from edm_core.actions.model_history import earlier_holder, history
from edm_core.actions.promote import change_stage, mend_interrupted
from edm_core.actions.stages import WITH_ALIAS, holder, parse_stage, pick
from edm_core.errors import ActionError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace


def rollback_target(
    workspace: Workspace, name: str, stage: str = "Production"
) -> tuple[ModelVersion | None, ModelVersion]:
    """Who stands in `stage` now (None: nobody), and who stood there before. Raises ActionError when nobody did."""
    target = parse_stage(stage)
    if target not in WITH_ALIAS:
        raise ActionError(f"there is no rollback of {target}", "Stages that can be rolled back: Production, Staging.")
    versions = list_versions(workspace, name)
    earlier = earlier_holder(history(versions), versions, target)
    if earlier is None:
        raise ActionError(
            f"{name} has no earlier version in {target} to go back to",
            f"`edm models promote V {target}` puts any version there.",
        )
    return holder(versions, target), pick(versions, name, earlier)


def rollback(workspace: Workspace, name: str, stage: str = "Production", *, reason: str = "") -> Outcome:
    """Go back to the version that stood in `stage` before. Gates are not asked: they judged it when it came.

    Raises ActionError when there is none, StoreError.
    """
    mend_interrupted(workspace)
    _, earlier = rollback_target(workspace, name, stage)
    versions = list_versions(workspace, name)
    return change_stage(workspace, versions, earlier, parse_stage(stage), kind="rollback", reason=reason)
