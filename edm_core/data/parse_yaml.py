"""An annotation from the plain values of a YAML file."""

from pathlib import Path
from typing import Any

from edm_core.data.faults import FaultList, Keys, shown
from edm_core.data.model import LABELS, Annotation, Segment, resolve_audio
from edm_core.data.parse_fields import check_times, integer_at, list_at, mapping_at, number_at, text_at

MAX_SECONDS = 24 * 3600.0


def parse_yaml(data: object, faults: FaultList, audio_dir: Path | None) -> Annotation | None:
    """The annotation, or None where a blocking fault prevents it; faults are added to `faults`."""
    top = mapping_at(data, (), faults)
    if top is None:
        return None
    audio = _section(top, "audio", faults)
    metadata = _section(top, "metadata", faults, required=False)
    file = text_at(audio, "file", ("audio",), faults) if audio else None
    duration = number_at(audio, "duration", ("audio",), faults, low=0.1, high=MAX_SECONDS) if audio else None
    segments = check_times(_segments(top, faults), duration, faults)
    if audio is None or file is None or duration is None or not segments:
        return None
    within: dict[str, Any] = {"keys": ("audio",), "faults": faults, "required": False}
    return Annotation(
        path=faults.path,
        audio_path=resolve_audio(faults.path, file, audio_dir),
        duration=duration,
        segments=segments,
        bpm=number_at(audio, "bpm", low=20, high=400, **within),
        downbeat=number_at(audio, "downbeat", low=0, high=duration, **within),
        time_signature=_time_signature(audio, faults),
        tier=integer_at(metadata, "tier", ("metadata",), faults, low=0) if metadata else None,
        confidence=_confidence(metadata, ("metadata",), faults) if metadata else None,
    )


def _section(top: dict[Any, Any], key: str, faults: FaultList, *, required: bool = True) -> dict[Any, Any] | None:
    if key not in top:
        faults.add((key,), f"{key} is missing", blocking=required)
        return None
    return mapping_at(top[key], (key,), faults)


def _segments(top: dict[Any, Any], faults: FaultList) -> list[tuple[Keys, Segment]]:
    if "structure" not in top:
        faults.add((), "structure is missing")
        return []
    items = list_at(top["structure"], ("structure",), faults) or []
    found = [(("structure", n), _segment(item, ("structure", n), faults)) for n, item in enumerate(items)]
    return [(keys, segment) for keys, segment in found if segment is not None]


def _segment(item: object, keys: Keys, faults: FaultList) -> Segment | None:
    data = mapping_at(item, keys, faults)
    if data is None:
        return None
    time = number_at(data, "time", keys, faults, low=0, high=MAX_SECONDS)
    label = text_at(data, "label", keys, faults)
    if label is not None and label not in LABELS:
        faults.add((*keys, "label"), f"unknown label {shown(label)} (known: {', '.join(LABELS)})")
    subtle = data.get("subtle", False)
    if not isinstance(subtle, bool):
        faults.add((*keys, "subtle"), f"subtle must be true or false, not {shown(subtle)}")
    bar = integer_at(data, "bar", keys, faults, low=0)
    confidence = _confidence(data, keys, faults)
    return None if time is None else Segment(time, time, label, bar, confidence, subtle is True)


def _confidence(data: dict[Any, Any], keys: Keys, faults: FaultList) -> float | None:
    return number_at(data, "confidence", keys, faults, low=0, high=1, required=False)


def _time_signature(audio: dict[Any, Any], faults: FaultList) -> str | None:
    value = audio.get("time_signature")
    if value is None:
        faults.add(("audio", "time_signature"), "audio.time_signature is missing", blocking=False)
        return None
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) == 2 and all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        return str(value)
    faults.add(("audio", "time_signature"), f"time_signature must be like 4/4, not {shown(value)}")
    return None
