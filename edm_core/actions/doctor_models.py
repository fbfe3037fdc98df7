"""Doctor's look at the model registry."""

from collections.abc import Iterable
from itertools import groupby

from edm_core.actions.doctor import Case
from edm_core.actions.stages import align_aliases, misplaced_aliases
from edm_core.snapshots.findings import Finding
from edm_core.snapshots.models import ModelVersion
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace


def aliases(workspace: Workspace) -> Iterable[Case]:
    """Aliases of stages that do not name the version in that stage: a promotion elsewhere was cut short, or somebody
    moved a stage with another tool, so that old and new clients load different versions."""
    for name, group in groupby(list_versions(workspace), key=lambda version: version.name):
        for alias, number in misplaced_aliases(list(group)).items():
            yield _case(workspace, name, alias, number)


def _case(workspace: Workspace, name: str, alias: str, number: int) -> Case:
    stage = alias.capitalize()
    now = _named(list_versions(workspace, name), alias)
    finding = Finding(
        "aliases", "warning", f"{name}@{alias} is not the version in {stage}",
        f"the alias names {f'v{now}' if now else 'nothing'}, the stage v{number}", f"let {name}@{alias} name v{number}",
    )  # fmt: skip

    def mend() -> str:
        align_aliases(workspace, mlflow_client(workspace), name, [stage], left=0)
        return f"{name}@{alias} names v{number}"

    return Case(finding, mend)


def _named(versions: Iterable[ModelVersion], alias: str) -> int | None:
    return next((version.version for version in versions if alias in version.aliases), None)
