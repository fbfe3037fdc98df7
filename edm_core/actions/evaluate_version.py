"""Evaluate a version now: score its own checkpoint track by track, and note the scores on the version.

They are noted there and not in the run folder: that may be kept, and a new file in it would make it differ from its
pointer.
"""

import json
import tempfile
from pathlib import Path

from edm_core.actions.decision import metrics_of
from edm_core.actions.mlflow_call import logged_call
from edm_core.actions.register import METRICS_TAG, TRACKS_TAG, md5_of
from edm_core.errors import ActionError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace


def evaluate_version(workspace: Workspace, version: ModelVersion, annotations: str = "") -> Outcome:
    """Score the version on its run's validation tracks, or on all tracks of another folder of `annotations`.

    Raises ActionError where its checkpoint is not `edm train`'s or has no boundaries to score, DataError, StoreError.
    """
    from edm_core.training.evaluate_run import evaluate_file

    if workspace.settings.registry.loader:
        raise ActionError(
            "checkpoints of [registry] loader are not evaluated here",
            f"Score it with your own code and set the tag {TRACKS_TAG} of the version, as JSON: track to score.",
        )
    with tempfile.TemporaryDirectory(prefix="edm-evaluate-") as folder:
        found = evaluate_file(workspace, _checkpoint(workspace, version, Path(folder)), annotations)
    if not found["tracks"]:
        raise ActionError(f"{version.name} v{version.version} has no boundary head: there are no boundaries to score")
    scores = {str(track["track"]): round(float(track["boundary_f1_05"]), 6) for track in found["tracks"]}
    # What the checkpoint said of its own epoch stands; what nobody had measured yet is added.
    metrics = {**found["summary"], **metrics_of(workspace, version)}
    for key, value in ((TRACKS_TAG, scores), (METRICS_TAG, metrics)):
        _note(workspace, version, key, json.dumps(value, sort_keys=True))
    mean = sum(scores.values()) / len(scores)
    return Outcome(
        f"{version.name} v{version.version}: {len(scores)} tracks scored",
        f"boundary_f1_05 {mean:.4g} on average",
        stale=("models",),
        data={"name": version.name, "version": version.version, "tracks": scores, "summary": found["summary"]},
    )


def _checkpoint(workspace: Workspace, version: ModelVersion, folder: Path) -> Path:
    """The checkpoint that was registered, fetched from the store."""
    mlflow_client(workspace)
    import mlflow.artifacts

    uri = f"models:/{version.name}/{version.version}/extra_files"
    told = f"the checkpoint of {version.name} v{version.version} cannot be fetched"
    with registry_errors(told, "Its artifacts may be gone, or the server is away."):
        try:
            mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
        except OSError as error:
            raise ActionError(f"{told}: {error}", "Its artifacts may be gone.") from error
    wanted = version.tags.get("edm.checkpoint_md5", "")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and md5_of(path) == wanted:
            return path
    raise ActionError(told, "`edm models verify` tells whether the store's copy is whole.")


def _note(workspace: Workspace, version: ModelVersion, key: str, value: str) -> None:
    client = mlflow_client(workspace)
    number = str(version.version)
    with (
        logged_call(workspace, f"set_model_version_tag({version.name!r}, {number!r}, {key!r}, …)"),
        registry_errors(f"the scores of {version.name} v{version.version} could not be noted"),
    ):
        client.set_model_version_tag(version.name, number, key, value)
