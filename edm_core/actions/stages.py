"""Stages and their aliases: the one place that uses MLflow's deprecated stages, and that keeps aliases in step.

The stage decides. The alias of Staging and Production is the stage's name in lower case, and names the version that
`models:/NAME/STAGE` loads: the highest one there.
"""

import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edm_core.actions.mlflow_call import logged_call
from edm_core.errors import ActionError, NotFoundError, StoreError
from edm_core.snapshots.models import ModelVersion
from edm_core.stores.models import STAGES, list_versions, registry_uri
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

WITH_ALIAS = ("Staging", "Production")
_LOOKS = 5
LADDER = ("None", "Staging", "Production")


def parse_stage(word: str) -> str:
    """MLflow's spelling of a stage, whatever the case; ActionError that names the stages when there is none."""
    for stage in STAGES:
        if word.strip().lower() == stage.lower():
            return stage
    raise ActionError(f"no stage {word!r}", f"Stages are: {', '.join(STAGES)}.")


def next_stage(stage: str) -> str:
    """One step up: None → Staging → Production; from Archived back to Staging."""
    if stage == "Production":
        raise ActionError("it is in Production already", "To retire it, promote it to Archived.")
    return "Staging" if stage not in LADDER else LADDER[LADDER.index(stage) + 1]


def previous_stage(stage: str) -> str:
    """One step down: Production → Staging → None."""
    if stage not in ("Staging", "Production"):
        raise ActionError(f"there is no step down from {stage}", "Promote it to the stage that you want.")
    return LADDER[LADDER.index(stage) - 1]


def pick(versions: Iterable[ModelVersion], name: str, number: int) -> ModelVersion:
    """The version `number` of `name`; NotFoundError with those that there are."""
    there = [version for version in versions if version.name == name]
    for version in there:
        if version.version == number:
            return version
    known = ", ".join(str(version.version) for version in there[:10])
    raise NotFoundError(
        f"{name} has no version {number}",
        f"Versions are: {known}." if known else "`edm models register RUN` makes one.",
    )


def holder(versions: Iterable[ModelVersion], stage: str) -> ModelVersion | None:
    """The version that `models:/NAME/STAGE` loads; None when nobody stands there."""
    return max((version for version in versions if version.stage == stage), key=lambda v: v.version, default=None)


def move(workspace: Workspace, client: "MlflowClient", version: ModelVersion, stage: str, *, archive: bool) -> None:
    """One transition; with `archive`, whoever stands in `stage` goes to Archived in the same transaction.

    Raises StoreError, and then nothing was changed.
    """
    try:
        _transition(workspace, client, version, stage, archive)
    except StoreError as error:
        # MLflow's archiving fails behind a server on PostgreSQL with psycopg 3 (mlflow/mlflow#24592): there it is done
        # one by one, the new version first, so that somebody stands there at every moment.
        if not archive or "operator does not exist" not in error.message:
            raise
        # Only those that stood there before: two that come at once would archive each other, and nobody would stand.
        before = {other.version for other in list_versions(workspace, version.name) if other.stage == stage}
        _transition(workspace, client, version, stage, False)
        archive_others(workspace, client, version, stage, before)


def archive_others(
    workspace: Workspace, client: "MlflowClient", version: ModelVersion, stage: str, only: Collection[int]
) -> None:
    """Send those of `only` that stand in `stage` beside `version` to Archived. Raises StoreError."""
    for other in list_versions(workspace, version.name):
        if other.stage == stage and other.version in only and other.version != version.version:
            _transition(workspace, client, other, "Archived", False)


def settle_production(workspace: Workspace, client: "MlflowClient", name: str) -> None:
    """Where several stand in Production, leave the one that MLflow loads.

    Two transitions at the same moment do not see each other in MLflow's store, so neither archives the other. All who
    look choose the same one. Raises StoreError.
    """
    versions = list_versions(workspace, name)
    held = holder(versions, "Production")
    if held is not None:
        archive_others(workspace, client, held, "Production", {version.version for version in versions})


def _transition(workspace: Workspace, client: "MlflowClient", version: ModelVersion, stage: str, archive: bool) -> None:
    call = (
        f"transition_model_version_stage({version.name!r}, {str(version.version)!r}, {stage!r}, "
        f"archive_existing_versions={archive})"
    )
    told = f"{version.name} v{version.version} could not be moved to {stage}"
    with (
        logged_call(workspace, call),
        registry_errors(told, "Nothing was changed."),
        warnings.catch_warnings(),
    ):
        # Stages are deprecated since 2.9; old and new clients both read them, so they stay until MLflow drops them.
        warnings.simplefilter("ignore", FutureWarning)
        # A number where MLflow asks a database itself: psycopg 3 refuses to compare one with text. A server takes text.
        served = registry_uri(workspace).startswith(("http://", "https://"))
        number: Any = str(version.version) if served else version.version
        client.transition_model_version_stage(version.name, number, stage, archive_existing_versions=archive)


def misplaced_aliases(versions: Sequence[ModelVersion], stages: Iterable[str] = WITH_ALIAS) -> dict[str, int]:
    """Aliases of stages that do not name the version in that stage → the version that they should name.

    A stage where nobody stands has no say: its alias may be somebody's own, on a model that uses no stages.
    """
    wanted = {}
    for stage in stages:
        held = holder(versions, stage) if stage in WITH_ALIAS else None
        if held is not None and stage.lower() not in held.aliases:
            wanted[stage.lower()] = held.version
    return wanted


def align_aliases(workspace: Workspace, client: "MlflowClient", name: str, stages: Iterable[str], left: int) -> None:
    """Bring the aliases of `stages` in step with what the store says now; those of version `left`, which has moved,
    go where nobody took its place. Raises StoreError when MLflow refuses."""
    stages = set(stages) & set(WITH_ALIAS)
    refused: StoreError | None = None
    # Somebody may move a stage between the look and the deed, so it is looked at again until nothing is amiss. Of two
    # who set a new alias at once, MLflow refuses one (its UNIQUE constraint); the next look shows whose it is.
    for _ in range(_LOOKS):
        versions = list_versions(workspace, name)
        wanted = misplaced_aliases(versions, stages)
        left_over = _left_over(versions, stages, left)
        if not wanted and not left_over:
            return
        try:
            _change_aliases(workspace, client, name, wanted, left_over)
            refused = None
        except StoreError as error:
            refused = error
    if refused is not None:
        raise refused


def _change_aliases(
    workspace: Workspace, client: "MlflowClient", name: str, wanted: dict[str, int], left_over: Sequence[str]
) -> None:
    told, hint = f"the aliases of {name} could not be set", "`edm doctor --fix` brings them in step."
    for alias, number in wanted.items():
        call = f"set_registered_model_alias({name!r}, {alias!r}, {str(number)!r})"
        with logged_call(workspace, call), registry_errors(told, hint):
            client.set_registered_model_alias(name, alias, str(number))
    for alias in left_over:
        call = f"delete_registered_model_alias({name!r}, {alias!r})"
        with logged_call(workspace, call), registry_errors(told, hint):
            client.delete_registered_model_alias(name, alias)


def _left_over(versions: Sequence[ModelVersion], stages: Iterable[str], left: int) -> list[str]:
    """Aliases of stages where nobody stands that still name the version `left`."""
    own = next((version.aliases for version in versions if version.version == left), ())
    return [stage.lower() for stage in stages if stage.lower() in own and holder(versions, stage) is None]
