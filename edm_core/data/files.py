"""The files of a made track, byte for byte: WAV, YAML and JAMS."""

import json
import struct

import numpy as np
import numpy.typing as npt

from edm_core.data.intmath import RATE
from edm_core.data.score import STEPS, Track

MADE_BY = "edm data make"


def wav_bytes(samples: npt.NDArray[np.int16]) -> bytes:
    """A PCM16 mono WAV file with the shortest header there is: no library's own chunks or dates."""
    data = samples.astype("<i2").tobytes()
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", len(data),
    )  # fmt: skip
    return header + data


def yaml_text(track: Track) -> str:
    """The annotation in YAML, from a fixed template: no YAML library's idea of style gets in."""
    lines = [
        f"# Made by `{MADE_BY}`.",
        "metadata:",
        "  tier: 1",
        "  confidence: 1.0",
        "audio:",
        f"  file: {track.name}.wav",
        f"  duration: {seconds(track.length)}",
        f"  bpm: {track.style.bpm}",
        f"  downbeat: {seconds(track.style.offset)}",
        "  time_signature: 4/4",
        "structure:",
    ]
    for section, bar in zip(track.sections, track.first_bars, strict=True):
        lines += [
            f"  - bar: {bar + 1}",
            f"    label: {section.label}",
            f"    time: {seconds(track.step_sample(bar * STEPS))}",
            "    confidence: 1.0",
        ]
        if section.subtle:
            lines.append("    subtle: true")
    return "\n".join(lines) + "\n"


def jams_text(track: Track) -> str:
    """The annotation in JAMS with segment_open, beat and tempo. The shortest digits
    that Python writes for a float are the same everywhere."""
    document = {
        "annotations": [
            _annotation(track, "segment_open", _segments(track), {"subtle": _subtle(track)}),
            _annotation(track, "beat", _beats(track), {}),
            _annotation(track, "tempo", [_observation(0, track.length, track.style.bpm)], {}),
        ],
        "file_metadata": {
            "artist": "",
            "duration": float(seconds(track.length)),
            "identifiers": {},
            "jams_version": "0.3.5",
            "release": "",
            "title": track.name,
        },
        "sandbox": {"audio_file": f"{track.name}.wav"},
    }
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def seconds(sample: int) -> str:
    """A place in samples as seconds with four decimals, rounded half up in integers."""
    units = (sample * 10_000 * 2 + RATE) // (RATE * 2)
    return f"{units // 10_000}.{units % 10_000:04d}"


def _annotation(
    track: Track, namespace: str, data: list[dict[str, object]], sandbox: dict[str, object]
) -> dict[str, object]:
    return {
        "annotation_metadata": {
            "annotation_rules": "",
            "annotation_tools": MADE_BY,
            "annotator": {},
            "corpus": "edm-tui made tracks",
            "curator": {"email": "", "name": ""},
            "data_source": "synthesis",
            "validation": "",
            "version": "1",
        },
        "data": data,
        "duration": float(seconds(track.length)),
        "namespace": namespace,
        "sandbox": sandbox,
        "time": 0,
    }


def _observation(start: int, end: int, value: object) -> dict[str, object]:
    return {
        "confidence": 1.0,
        "duration": float(seconds(end - start)),
        "time": float(seconds(start)),
        "value": value,
    }


def _segments(track: Track) -> list[dict[str, object]]:
    starts = [track.step_sample(bar * STEPS) for bar in track.first_bars]
    ends = [*starts[1:], track.length]
    return [
        _observation(start, end, section.label)
        for start, end, section in zip(starts, ends, track.sections, strict=True)
    ]


def _subtle(track: Track) -> list[int]:
    return [n for n, section in enumerate(track.sections) if section.subtle]


def _beats(track: Track) -> list[dict[str, object]]:
    return [
        _observation(track.step_sample(beat * 4), track.step_sample(beat * 4), beat % 4 + 1)
        for beat in range(track.bars * 4)
    ]
