"""Download a version with a manifest of hashes and lineage, and verify what was downloaded, also years later."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edm_core.actions.register import whoami
from edm_core.actions.stages import WITH_ALIAS, holder, pick
from edm_core.errors import ActionError, NotFoundError
from edm_core.files import write_json
from edm_core.lock import DOING, Say, quiet
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.outcome import Outcome
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import STAGES, list_versions
from edm_core.stores.redact import without_password
from edm_core.stores.registry_errors import registry_errors
from edm_core.workspace import Workspace

MANIFEST = "manifest.json"
_LINEAGE = {
    "run_name": "edm.run_name", "run_dir": "edm.run_dir", "commit": "mlflow.source.git.commit",
    "git_dirty": "edm.git_dirty", "data_version": "edm.data_version", "kept": "edm.kept",
    "registered_by": "edm.registered_by",
}  # fmt: skip


def resolve(workspace: Workspace, name: str, word: str) -> ModelVersion:
    """The version that a stage, an `@alias` or a number names. Raises NotFoundError."""
    versions = list_versions(workspace, name)
    if word.lower() in [stage.lower() for stage in STAGES]:
        stage = next(stage for stage in STAGES if stage.lower() == word.lower())
        found = holder(versions, stage) if stage in WITH_ALIAS else None
        if found is None:
            raise NotFoundError(f"{name} has no version in {stage}", "`edm models list` shows what there is.")
        return found
    if word.startswith("@"):
        for version in versions:
            if word[1:] in version.aliases:
                return version
        raise NotFoundError(f"{name} has no alias {word[1:]!r}", "`edm models list` shows what there is.")
    number = word.removeprefix("v")
    if not number.isdigit():
        raise NotFoundError(f"{word!r} is no stage, version or @alias", "For example Production, 3 or @champion.")
    return pick(versions, name, int(number))


def download(workspace: Workspace, version: ModelVersion, folder: Path) -> Outcome:
    """Put the version's whole model (MLmodel, weights, code, checkpoint) and its manifest into a new `folder`.

    `mlflow.pytorch.load_model(folder)` loads it, without any server. The folder appears whole or not at all. Raises
    ActionError when it is there already or a checkpoint is not what was registered, StoreError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ActionError(f"{folder} is there already", "Give another folder with --output, or remove it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        fetched = _fetch(workspace, version, Path(temporary) / "model")
        manifest = _manifest(workspace, version, fetched)
        _check_registered(manifest)
        write_json(fetched / MANIFEST, manifest)
        fetched.chmod(0o755)
        fetched.rename(folder)
    total = sum(file["size"] for file in manifest["files"])
    return Outcome(
        f"downloaded {version.name} v{version.version} to {folder}",
        f"{len(manifest['files'])} files, {total / 1e6:.1f} MB; `edm models verify {folder}` checks them",
        stale=(),
        data={"folder": str(folder), "manifest": manifest},
    )


def _fetch(workspace: Workspace, version: ModelVersion, target: Path) -> Path:
    mlflow_client(workspace)
    import mlflow.artifacts

    told = f"the files of {version.name} v{version.version} cannot be fetched"
    with registry_errors(told, "Its artifacts may be gone, or the server is away."):
        try:
            target.mkdir()
            mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}", dst_path=str(target))
        except OSError as error:
            raise ActionError(f"{told}: {error}", "Its artifacts may be gone.") from error
    # Into a folder that is given, MLflow copies nothing from one that is gone, and says nothing.
    if not (target / "MLmodel").is_file():
        raise ActionError(f"{told}: there is no MLmodel file", "Its artifacts may be gone.")
    # Whoever loads a model from a local store leaves compiled files there, which are none of the version's.
    for compiled in list(target.rglob("__pycache__")):
        shutil.rmtree(compiled)
    return target


def _files_of(folder: Path) -> list[Path]:
    """The version's own files, without the manifest and what Python compiled."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and "__pycache__" not in path.parts
    ]


def _manifest(workspace: Workspace, version: ModelVersion, folder: Path) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "stage": version.stage,
        "aliases": list(version.aliases),
        "run_id": version.run_id,
        "lineage": {key: version.tags[tag] for key, tag in _LINEAGE.items() if tag in version.tags},
        "metrics": version.metrics,
        "checkpoint_md5": version.tags.get("edm.checkpoint_md5", ""),
        "store": without_password(workspace.tracking_uri),
        "downloaded_by": whoami(),
        "downloaded_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "files": [_hashed(folder, path) for path in _files_of(folder)],
    }


def _hashed(folder: Path, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    return {"path": path.relative_to(folder).as_posix(), "size": path.stat().st_size, "sha256": sha256, "md5": md5}


def _check_registered(manifest: Mapping[str, Any]) -> None:
    """The checkpoint that came must be the one that was registered."""
    wanted = manifest["checkpoint_md5"]
    if wanted and wanted not in {file["md5"] for file in manifest["files"]}:
        raise ActionError(
            f"{manifest['name']} v{manifest['version']}: no file has the hash of the registered checkpoint {wanted}",
            "The store's copy was changed or damaged: register the run again.",
        )


def verify(folder: Path) -> Outcome:
    """Compare a downloaded folder with its manifest: every file there, no other, all hashes as written.

    Raises NotFoundError when there is no manifest, ActionError that names the files at fault.
    """
    manifest = _read_manifest(folder)
    written = {file["path"]: file for file in manifest["files"]}
    there = {path.relative_to(folder).as_posix() for path in _files_of(folder)}
    faults = [f"{path} is missing" for path in sorted(written.keys() - there)]
    faults += [f"{path} was added" for path in sorted(there - written.keys())]
    faults += _changed(folder, [written[path] for path in sorted(written.keys() & there)])
    if faults:
        raise ActionError(f"{folder} is not as it was downloaded: {'; '.join(faults)}", "Download it again.")
    _check_registered(manifest)
    return Outcome(
        f"{folder} is {manifest['name']} v{manifest['version']}, as it was downloaded",
        f"{len(written)} files; checkpoint {manifest['checkpoint_md5'] or 'of unknown hash'}",
        stale=(),
        data={"name": manifest["name"], "version": manifest["version"], "files": len(written)},
    )


def _changed(folder: Path, files: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{file['path']} was changed" for file in files if _hashed(folder, folder / file["path"]) != dict(file)]


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = [file["path"] for file in manifest["files"]]
    except FileNotFoundError as error:
        raise NotFoundError(f"{folder} has no {MANIFEST}", "`edm models download` writes one.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ActionError(f"{folder / MANIFEST} cannot be read: {error}", "Download the version again.") from error
    if any(Path(path).is_absolute() or ".." in Path(path).parts for path in files):
        raise ActionError(f"{folder / MANIFEST} names files outside the folder", "Download the version again.")
    return manifest  # type: ignore[no-any-return]


def verify_in_store(workspace: Workspace, version: ModelVersion, say: Say = quiet) -> Outcome:
    """Fetch the version into a temporary folder and compare its checkpoint with what was registered."""
    say(f"{DOING}fetching {version.name} v{version.version} and hashing it")
    with tempfile.TemporaryDirectory(prefix="edm-verify-") as temporary:
        manifest = _manifest(workspace, version, _fetch(workspace, version, Path(temporary) / "model"))
    if not manifest["checkpoint_md5"]:
        raise ActionError(
            f"{version.name} v{version.version} was registered without the hash of its checkpoint",
            "Only versions that `edm models register` made can be verified.",
        )
    _check_registered(manifest)
    return Outcome(
        f"{version.name} v{version.version} is in the store as it was registered",
        f"checkpoint {manifest['checkpoint_md5']}",
        stale=(),
        data={"name": version.name, "version": version.version, "files": len(manifest["files"])},
    )
