"""What a version's stored model says of itself: signature, requirements, and the params and metadata logged with it."""

from collections.abc import Mapping
from typing import Any

from edm_core.errors import StoreError
from edm_core.snapshots.models import ModelVersion
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.redact import brief_reason
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace


def package_of(workspace: Workspace, version: ModelVersion) -> tuple[Mapping[str, Any], str]:
    """Facts by name, and why there are none: artifacts may be gone while the version stands."""
    try:
        return _read(workspace, version), ""
    except (StoreError, OSError) as error:
        return {}, f"its stored model cannot be read: {brief_reason(error)}"


def _read(workspace: Workspace, version: ModelVersion) -> dict[str, Any]:
    client = mlflow_client(workspace)
    import mlflow.artifacts
    from mlflow.models import Model

    with registry_errors(f"{version.name} v{version.version}"):
        address = f"models:/{version.name}/{version.version}"
        model = Model.load(mlflow.artifacts.download_artifacts(f"{address}/MLmodel"))
        model_id = client.get_model_version(version.name, str(version.version)).model_id
        params = client.get_logged_model(model_id).params if model_id else {}
    signature = model.signature
    return {
        "inputs": str(signature.inputs) if signature and signature.inputs else None,
        "outputs": str(signature.outputs) if signature and signature.outputs else None,
        "input example": (model.saved_input_example_info or {}).get("type"),
        "size in bytes": model.model_size_bytes,
        "mlflow": model.mlflow_version,
        **{f"param {key}": value for key, value in sorted(params.items())},
        **{f"metadata {key}": str(value) for key, value in sorted((model.metadata or {}).items())},
    }
