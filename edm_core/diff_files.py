"""Reading the files of run folders for a comparison; a file that is missing or broken becomes a sentence."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from edm_core.snapshots.diff import DiffEntry
from edm_core.snapshots.runs import RunRow
from edm_core.stores.dvc_pointer import cached_files
from edm_core.workspace import Workspace

MAX_BYTES = 4_000_000
MAX_DATA_FILES = 200
_TRACK_SCORES = ("boundary_f1_05", "boundary_f1", "score", "f1")


def yaml_of(path: Path) -> tuple[Any, str]:
    """(document, problem), one of them empty."""
    text, problem = _text(path)
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), problem
    except yaml.YAMLError as error:
        return None, f"{path.name} is not YAML: {' '.join(str(error).split())[:120]}"


def json_of(path: Path) -> tuple[Any, str]:
    """(document, problem), one of them empty."""
    text, problem = _text(path)
    try:
        return (json.loads(text) if text else None), problem
    except ValueError as error:
        return None, f"{path.name} is not JSON: {error}"


def _text(path: Path) -> tuple[str, str]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return "", f"no {path.name}"
    except OSError as error:
        return "", f"{path.name} cannot be read: {error.strerror}"
    if len(data) > MAX_BYTES:
        return "", f"{path.name} is larger than {MAX_BYTES:,} bytes"
    return data.decode("utf-8", "replace"), ""


def flattened(document: Any, prefix: str = "") -> dict[str, Any]:
    """Nested keys dotted and list items numbered (`a.b[0]`); empty for a document that is no mapping."""
    if isinstance(document, dict):
        found: dict[str, Any] = {}
        for key, value in document.items():
            found |= flattened(value, f"{prefix}.{key}" if prefix else str(key))
        return found or ({prefix: {}} if prefix else {})
    if isinstance(document, list) and prefix:
        listed: dict[str, Any] = {}
        for index, value in enumerate(document):
            listed |= flattened(value, f"{prefix}[{index}]")
        return listed or {prefix: []}
    return {prefix: document} if prefix else {}


def track_scores(folder: Path) -> tuple[dict[str, float], str]:
    """Track → score, from tracks.json: a list of objects with `track` and a score, or such a list under `tracks`."""
    document, problem = json_of(folder / "tracks.json")
    listed = document.get("tracks") if isinstance(document, dict) else document
    if problem or not isinstance(listed, list):
        return {}, problem or "tracks.json holds no list of tracks"
    scores = {}
    for item in listed:
        score = next((item[key] for key in _TRACK_SCORES if key in item), None) if isinstance(item, dict) else None
        if isinstance(score, int | float) and "track" in item:
            scores[str(item["track"])] = float(score)
    return scores, "" if scores or not listed else "tracks.json names no score that is known here"


def data_section(workspace: Workspace, rows: Sequence[RunRow]) -> tuple[tuple[DiffEntry, ...], str]:
    """The hash in data.dvc that each run was trained on; where they differ, the files that do, from DVC's cache."""
    versions = [row.tags.get("edm.data_version") for row in rows]
    if not any(versions):
        return (), "no run says which version of the data it was trained on"
    found = [DiffEntry("version", tuple(versions), same=len(set(versions)) == 1)]
    if found[0].same:
        return tuple(found), ""
    listings = [cached_files(workspace.root, version) if version else None for version in versions]
    known = [listing for listing in listings if listing is not None]
    if len(known) < len(listings):
        missing = sorted({v or "unknown" for v, listing in zip(versions, listings, strict=True) if listing is None})
        return tuple(found), f"which files differ cannot be told: the cache here has no list for {', '.join(missing)}"
    names = sorted({name for listing in known for name in listing})
    differing = [name for name in names if len({listing.get(name) for listing in known}) > 1]
    for name in differing[:MAX_DATA_FILES]:
        found.append(DiffEntry(name, tuple(listing.get(name, "")[:8] or None for listing in known)))
    more = len(differing) - MAX_DATA_FILES
    return tuple(found), f"{more} more files differ" if more > 0 else ""
