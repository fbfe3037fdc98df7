"""The comparison of model versions: what was recorded with each, and after it that of the runs they were made from.

Two versions of one run differ in the first part alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from edm_core.diff.runs import diff_runs, direction, entries, scored
from edm_core.settings import MetricsSettings
from edm_core.snapshots.diff import DiffEntry, RunDiff
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import RunRow
from edm_core.stores.runs import load_rows
from edm_core.workspace import Workspace

VERSION, RECORDED = "version", "recorded"
"""Sections before those of the runs: facts, and the metrics that the versions carry."""
_NAMED = {
    "edm.run_name": "run", "edm.checkpoint_md5": "checkpoint", "edm.format": "format", "edm.run_dir": "folder",
    "edm.registered_by": "registered by", "mlflow.source.git.commit": "commit", "edm.git_dirty": "uncommitted changes",
    "edm.data_version": "data version", "edm.kept": "kept",
}  # fmt: skip
"""What the tags that `edm models register` sets are called; other tags have their own name."""
_APART = ("edm.metrics", "edm.tracks")
_HISTORY = "edm.history."


def diff_versions(
    workspace: Workspace,
    versions: Sequence[ModelVersion],
    fetch: bool = True,
    packages: Sequence[tuple[Mapping[str, Any], str]] = (),
) -> RunDiff:
    """Compare versions with the first one; `packages` are facts of each one's stored model, or why there are none.

    Raises StoreError when MLflow's store cannot be read. A run that is gone leaves its part empty, and is said.
    """
    rows, gone = _rows(workspace, versions)
    diff = diff_runs(workspace, rows, fetch)
    names = names_of(versions)
    facts = [_facts(version) for version in versions]
    for known, (found, _) in zip(facts, packages, strict=bool(packages)):
        known |= found
    sections: dict[str, tuple[DiffEntry, ...]] = {
        VERSION: entries(facts), RECORDED: _recorded(workspace.settings.metrics, versions), **diff.sections,
    }  # fmt: skip
    if any(version.tracks for version in versions):
        sections["tracks"] = _tracks(versions)
    notes = dict(diff.notes)
    missing = [f"{names[at]}: {why}" for at, (_, why) in enumerate(packages) if why]
    if missing:
        notes[VERSION] = "; ".join(missing)
    if gone:
        told = f"the run of {', '.join(names[at] for at in gone)} is not in MLflow any more"
        notes["params"] = "; ".join(filter(None, (notes.get("params", ""), told)))
    return replace(diff, names=names, sections=sections, notes=notes)


def names_of(versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    """`v3 cnn_wide`; with the model's name where there are several models."""
    many = len({version.name for version in versions}) > 1
    return tuple(
        " ".join(filter(None, (v.name if many else "", f"v{v.version}", v.tags.get("edm.run_name") or v.run_id[:8])))
        for v in versions
    )


def _rows(workspace: Workspace, versions: Sequence[ModelVersion]) -> tuple[list[RunRow], list[int]]:
    """Each version's run, or its folder where the run is gone or never was; the positions of those that are gone."""
    wanted = [version.run_id for version in versions if version.run_id]
    known = {row.run_id: row for row in load_rows(workspace, list(dict.fromkeys(wanted)))} if wanted else {}
    rows, gone = [], []
    for at, version in enumerate(versions):
        row = known.get(version.run_id)
        if row is None:
            name, folder = version.tags.get("edm.run_name") or version.run_id[:8], version.tags.get("edm.run_dir", "")
            row = RunRow("", name, "", tags=dict(version.tags), run_dir=folder)
            gone += [at] if version.run_id else []
        rows.append(row)
    return rows, gone


def _facts(version: ModelVersion) -> dict[str, Any]:
    made = datetime.fromtimestamp(version.created_ms / 1000, UTC) if version.created_ms else None
    facts: dict[str, Any] = {
        "stage": version.stage,
        "aliases": " ".join(version.aliases) or None,
        "made": f"{made:%Y-%m-%d %H:%M:%S} UTC" if made else None,
        "run id": version.run_id or None,
        "description": version.description or None,
        "source": version.source or None,
    }
    for key, value in sorted(version.tags.items(), key=lambda one: (one[0] not in _NAMED, one[0])):
        if key not in _APART and not key.startswith(_HISTORY):
            facts[_NAMED.get(key, f"tag {key}")] = value
    return facts


def _recorded(settings: MetricsSettings, versions: Sequence[ModelVersion]) -> tuple[DiffEntry, ...]:
    carried = [version.metrics for version in versions]
    keys = sorted({key for one in carried for key in one}, key=lambda key: (key != settings.primary, key))
    return tuple(scored(key, [one.get(key) for one in carried], direction(settings, key)) for key in keys)


def _tracks(versions: Sequence[ModelVersion]) -> tuple[DiffEntry, ...]:
    carried = [version.tracks for version in versions]
    keys = sorted({key for one in carried for key in one})
    found = [scored(key, [one.get(key) for one in carried], False) for key in keys]
    return tuple(sorted(found, key=lambda entry: -max((abs(d) for d in entry.deltas if d is not None), default=0.0)))
