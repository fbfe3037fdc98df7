"""What there is to decide before a promotion: candidate against incumbent, and the gates."""

from collections.abc import Mapping, Sequence
from typing import Any

from edm_core.actions.gates import Case, judge, judged_metrics, tracks_of
from edm_core.actions.model_history import history
from edm_core.actions.stages import holder
from edm_core.diff import direction
from edm_core.diff.code import files_between
from edm_core.errors import StoreError
from edm_core.gitrepo import git_of
from edm_core.settings import MetricsSettings
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import Decision, MetricComparison
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace

_LINEAGE = {"data": "edm.data_version", "code": "mlflow.source.git.commit", "checkpoint": "edm.checkpoint_md5"}


def decide(
    workspace: Workspace, version: ModelVersion, stage: str, versions: Sequence[ModelVersion], *, gates: bool = True
) -> Decision:
    """The candidate for `stage` against whoever stands there; `gates` are judged for Production only.

    Raises SettingsError for a gate that cannot be understood, StoreError when the store cannot be read.
    """
    incumbent = holder([v for v in versions if v != version], stage)
    own = metrics_of(workspace, version)
    theirs = metrics_of(workspace, incumbent) if incumbent else {}
    case = Case(workspace, version, incumbent, own, theirs)
    return Decision(
        version,
        stage,
        incumbent,
        _comparisons(workspace, own, theirs),
        judge(case) if gates and stage == "Production" else (),
        _differences(workspace, version, incumbent) if incumbent else {},
        since(incumbent, stage) if incumbent else None,
    )


def since(version: ModelVersion, stage: str) -> int | None:
    """When the version came to its stage, in Unix milliseconds; None where its history does not tell."""
    return next((made.at_ms for made in history([version]) if made.to_stage == stage), None)


def metrics_of(workspace: Workspace, version: ModelVersion) -> dict[str, float]:
    """The metrics of the version's checkpoint, else the last ones of its run; {} where neither is there."""
    return version.metrics or (_metrics_of_run(workspace, version.run_id) if version.run_id else {})


def _metrics_of_run(workspace: Workspace, run_id: str) -> dict[str, float]:
    client = mlflow_client(workspace)
    from mlflow.exceptions import MlflowException

    with registry_errors(f"run {run_id} cannot be read"):
        try:
            return dict(client.get_run(run_id).data.metrics)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise


def _comparisons(
    workspace: Workspace, own: Mapping[str, float], theirs: Mapping[str, float]
) -> tuple[MetricComparison, ...]:
    """The metrics that edm.toml names come first."""
    settings = workspace.settings.metrics
    first = (settings.primary, *settings.columns, *judged_metrics(workspace.settings.registry.gates))
    rest = sorted((own.keys() | theirs.keys()) - set(first))
    names = [name for name in dict.fromkeys(first) if name in own or name in theirs] + rest
    return tuple(_comparison(settings, name, own.get(name), theirs.get(name)) for name in names)


def _comparison(settings: MetricsSettings, name: str, own: float | None, theirs: float | None) -> MetricComparison:
    minimised = direction(settings, name)
    delta = None if own is None or theirs is None else own - theirs
    if delta is None or minimised is None:
        return MetricComparison(name, own, theirs, delta, minimised=minimised)
    better = delta < 0 if minimised else delta > 0
    word = "same" if delta == 0 else ("better" if better else "worse")
    return MetricComparison(name, own, theirs, delta, word, minimised)


def _differences(workspace: Workspace, version: ModelVersion, incumbent: ModelVersion) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: (version.tags.get(tag, ""), incumbent.tags.get(tag, ""))
        for name, tag in _LINEAGE.items()
        if version.tags.get(tag, "") != incumbent.tags.get(tag, "")
    }
    if all(found.get("code", ("", ""))):
        found |= _files(workspace, *found["code"])
    return found | _tracks(tracks_of(workspace, version), tracks_of(workspace, incumbent))


def _files(workspace: Workspace, own: str, theirs: str) -> dict[str, Any]:
    try:
        return {"files": files_between(git_of(workspace), theirs, own)}
    except StoreError as error:
        return {"files_note": error.message}


def _tracks(own: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, Any]:
    """Which tracks the candidate does better and worse on, the largest change first; {} where none was scored twice."""
    both = sorted(own.keys() & theirs.keys(), key=lambda track: (-abs(own[track] - theirs[track]), track))
    if not both:
        return {}
    told = {
        "better": [track for track in both if own[track] > theirs[track]],
        "worse": [track for track in both if own[track] < theirs[track]],
        "same": sum(own[track] == theirs[track] for track in both),
        "scores": {track: (own[track], theirs[track]) for track in both},
    }
    return {"tracks": told}
