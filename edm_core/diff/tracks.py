"""How runs did on each track: scores against the baseline's, and one track as a strip of boundaries in time."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edm_core.data.annotations import SUFFIXES, load_annotation
from edm_core.data.levels import audio_levels
from edm_core.data.model import Annotation
from edm_core.diff.files import documents_of
from edm_core.errors import DataError, NotFoundError
from edm_core.snapshots.runs import RunRow
from edm_core.snapshots.tracks import Prediction, Segmentation, TrackStrip
from edm_core.stores.run_files import RunFiles
from edm_core.workspace import Workspace

FILE = "tracks.json"
_SCORES = ("boundary_f1_05", "boundary_f1", "score", "f1")
Item = Mapping[str, Any]


def track_items(document: Any) -> dict[str, Item]:
    """Track → what tracks.json says of it: a list of objects with `track`, or such a list under `tracks`."""
    listed = document.get("tracks") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        return {}
    return {str(item["track"]): item for item in listed if isinstance(item, dict) and "track" in item}


def score_of(item: Item) -> float | None:
    """The first score that the item has of those known here."""
    found = next((item[key] for key in _SCORES if key in item), None)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def scores_in(folder: Path) -> dict[str, float]:
    """Track → score of a run folder's tracks.json; empty where there is none that can be read."""
    try:
        items = track_items(json.loads((folder / FILE).read_bytes()))
    except (OSError, ValueError):
        return {}
    return {name: score for name, item in items.items() if (score := score_of(item)) is not None}


def track_scores(files: RunFiles, rows: Sequence[RunRow]) -> tuple[list[dict[str, float]], str]:
    """For each run track → score, and what is missing in words."""
    documents, problems = documents_of(files, rows, FILE)
    tables, notes = [], [problems] if problems else []
    for row, document in zip(rows, documents, strict=True):
        items = track_items(document)
        scores = {name: score for name, item in items.items() if (score := score_of(item)) is not None}
        tables.append(scores)
        if document is not None and not scores and (items or not _is_empty(document)):
            notes.append(f"{row.name}: {FILE} names no track with a score that is known here")
    return tables, "; ".join(notes)


def _is_empty(document: Any) -> bool:
    return document == [] or (isinstance(document, dict) and document.get("tracks") == [])


def load_strip(workspace: Workspace, rows: Sequence[RunRow], track: str) -> TrackStrip:
    """One track as these runs saw it. Raises NotFoundError where none of them scored it."""
    files = RunFiles(workspace)
    documents, problems = documents_of(files, rows, FILE)
    items = [track_items(document).get(track) for document in documents]
    known = [item for item in items if item is not None]
    if not known:
        raise NotFoundError(f"no run here scored {track}", problems or "The Diff screen lists the tracks.")
    annotation, missing = _annotation(workspace, files, rows, track)
    reference = _reference(known, annotation)
    predictions = tuple(
        Prediction(
            row.row_id, row.name, _segmentation(item or {}, "predicted", "predicted_labels"), score_of(item or {})
        )
        for row, item in zip(rows, items, strict=True)
    )
    energy: tuple[float, ...] = ()
    if annotation is not None:
        try:
            energy = audio_levels(annotation.audio_path)
        except DataError as error:
            missing = error.message
    return TrackStrip(
        track,
        _first(known, "duration") or (annotation.duration if annotation else _last_time(reference, predictions)),
        _first(known, "bpm") or (annotation.bpm if annotation else None),
        _first(known, "downbeat") or (annotation.downbeat if annotation else None),
        reference, predictions, energy, "; ".join(filter(None, (problems, missing))),
    )  # fmt: skip


def _reference(items: Sequence[Item], annotation: Annotation | None) -> Segmentation:
    named = next((item for item in items if item.get("labels")), None)
    if named is not None:
        return _segmentation(named, "reference", "labels")
    if annotation is not None:
        return Segmentation(annotation.boundaries, tuple(segment.label or "" for segment in annotation.segments))
    return _segmentation(items[0], "reference", "labels")


def _segmentation(item: Item, times: str, labels: str) -> Segmentation:
    listed, words = item.get(times), item.get(labels)
    return Segmentation(
        tuple(sorted(float(time) for time in listed if isinstance(time, int | float)))
        if isinstance(listed, list)
        else (),
        tuple(str(word or "") for word in words) if isinstance(words, list) else (),
    )


def _first(items: Sequence[Item], key: str) -> float | None:
    return next((float(item[key]) for item in items if isinstance(item.get(key), int | float)), None)


def _last_time(reference: Segmentation, predictions: Sequence[Prediction]) -> float:
    """A track whose length nobody knows ends a little after its last boundary."""
    return (
        max((time for one in (reference, *(p.segmentation for p in predictions)) for time in one.times), default=0) + 8
    )


def _annotation(
    workspace: Workspace, files: RunFiles, rows: Sequence[RunRow], track: str
) -> tuple[Annotation | None, str]:
    """The track's annotation, from where the runs' configurations say or from data/annotations; or why not."""
    configs, _ = documents_of(files, rows, "config.yaml")
    tables = [config for config in configs if isinstance(config, dict)]
    audio_dir = next((str(table["audio_dir"]) for table in tables if table.get("audio_dir")), "")
    folders = dict.fromkeys([*(str(table.get("annotations") or "") for table in tables), "data/annotations"])
    for folder in filter(None, folders):
        for suffix in SUFFIXES:
            path = workspace.root / folder / f"{Path(track).name}{suffix}"
            if path.is_file():
                try:
                    return load_annotation(path, workspace.root / audio_dir if audio_dir else None), ""
                except DataError as error:
                    return None, error.message
    return None, f"no annotation of {track} here: `edm data pull` brings the data set"
