"""An annotation from the plain values of a JAMS file (https://jams.readthedocs.io): its first segment_open."""

from pathlib import Path
from typing import Any

from edm_core.data.faults import FaultList, Keys, shown
from edm_core.data.model import AUDIO_SUFFIXES, LABELS, Annotation, Segment, resolve_audio
from edm_core.data.parse_fields import as_number, check_times, list_at, mapping_at, number_at

MAX_SECONDS = 24 * 3600.0


def parse_jams(data: object, faults: FaultList, audio_dir: Path | None) -> Annotation | None:
    """The annotation, or None where a blocking fault prevents it. Labels that are not in LABELS become None:
    such segments train boundaries only. Tempo and beats are optional; a file without them has bpm None."""
    top = mapping_at(data, (), faults)
    if top is None:
        return None
    metadata = mapping_at(top.get("file_metadata"), ("file_metadata",), faults)
    items = list_at(top.get("annotations"), ("annotations",), faults)
    if metadata is None or items is None:
        return None
    duration = number_at(metadata, "duration", ("file_metadata",), faults, low=0.1, high=MAX_SECONDS)
    segments = check_times(_segments(items, faults), duration, faults)
    if duration is None or not segments:
        return None
    return Annotation(
        path=faults.path,
        audio_path=_audio_path(top, faults, audio_dir),
        duration=duration,
        segments=segments,
        bpm=_tempo(items),
        downbeat=_first_downbeat(items),
        time_signature=None,
    )


def _data_of(items: list[Any], namespace: str) -> tuple[int, list[Any]] | None:
    for n, item in enumerate(items):
        if isinstance(item, dict) and item.get("namespace") == namespace and isinstance(item.get("data"), list):
            return n, item["data"]
    return None


def _segments(items: list[Any], faults: FaultList) -> list[tuple[Keys, Segment]]:
    found = _data_of(items, "segment_open")
    if found is None or not found[1]:
        faults.add(("annotations",), "no segment_open annotation with data")
        return []
    where: Keys = ("annotations", found[0], "data")
    subtle = _subtle(items[found[0]])
    read = [((*where, n), _segment(item, (*where, n), faults, n in subtle)) for n, item in enumerate(found[1])]
    return [(keys, segment) for keys, segment in read if segment is not None]


def _subtle(item: dict[str, Any]) -> frozenset[int]:
    # The sandbox is where JAMS lets a data set say more: ours lists the positions of the subtle starts.
    sandbox = item.get("sandbox")
    listed = sandbox.get("subtle") if isinstance(sandbox, dict) else None
    return frozenset(n for n in listed if isinstance(n, int)) if isinstance(listed, list) else frozenset()


def _segment(item: object, keys: Keys, faults: FaultList, subtle: bool) -> Segment | None:
    data = mapping_at(item, keys, faults)
    if data is None:
        return None
    time = number_at(data, "time", keys, faults, low=0, high=MAX_SECONDS)
    value = data.get("value")
    if not isinstance(value, str):
        faults.add((*keys, "value"), f"the value of a segment must be a text, not {shown(value)}")
    label = value if value in LABELS else None
    confidence = as_number(data.get("confidence"))
    return None if time is None else Segment(time, time, label, None, confidence, subtle)


def _tempo(items: list[Any]) -> float | None:
    found = _data_of(items, "tempo")
    values = [as_number(item.get("value")) for item in found[1] if isinstance(item, dict)] if found else []
    return next((bpm for bpm in values if bpm is not None and 20 <= bpm <= 400), None)


def _first_downbeat(items: list[Any]) -> float | None:
    # The value of a beat is its position in the bar, so 1 is a downbeat.
    found = _data_of(items, "beat")
    beats = [item for item in found[1] if isinstance(item, dict)] if found else []
    times = [as_number(item.get("time")) for item in beats if as_number(item.get("value")) == 1]
    return next((time for time in times if time is not None and time >= 0), None)


def _audio_path(top: dict[Any, Any], faults: FaultList, audio_dir: Path | None) -> Path:
    # JAMS has no field for the file's name: ours say it in the sandbox, others share the audio's stem.
    sandbox = top.get("sandbox")
    named = sandbox.get("audio_file") if isinstance(sandbox, dict) else None
    if isinstance(named, str) and named and named.isprintable():
        return resolve_audio(faults.path, named, audio_dir)
    places = [resolve_audio(faults.path, faults.path.stem + suffix, audio_dir) for suffix in AUDIO_SUFFIXES]
    return next((place for place in places if place.is_file()), places[0])
