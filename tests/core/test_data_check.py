"""Annotations are read with the line of every fault, and no input brings the check down."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edm_core.data.annotations import load_annotation, load_annotations, read_annotation
from edm_core.data.check import check_data
from edm_core.errors import DataError

GOOD = """\
metadata:
  tier: 1
  confidence: 0.9
audio:
  file: a.wav
  duration: 4.0
  bpm: 128
  downbeat: 0.1
  time_signature: 4/4
structure:
  - bar: 1
    label: intro
    time: 0.1
    confidence: 1.0
  - bar: 2
    label: drop
    time: 2.0
    confidence: 1.0
    subtle: true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "audio").mkdir()
    (tmp_path / "annotations" / "a.yaml").write_text(GOOD)
    soundfile.write(tmp_path / "audio" / "a.wav", np.zeros(32_000, dtype=np.int16), 8_000)
    return tmp_path


def write(folder: Path, text: str, name: str = "b.yaml") -> Path:
    path = folder / "annotations" / name
    path.write_text(text)
    return path


def found(folder: Path, path: Path) -> list[tuple[int | None, str]]:
    return [(fault.line, fault.reason) for fault in check_data(folder).faults if fault.path == path]


def test_a_good_annotation_has_no_fault(folder: Path) -> None:
    report = check_data(folder)
    assert report.faults == ()
    assert (report.annotations, report.audio_files) == (1, 1)
    annotation = load_annotation(folder / "annotations" / "a.yaml")
    assert annotation.boundaries == (2.0,)
    assert annotation.subtle == (True,)
    assert annotation.intervals == ((0.1, 2.0), (2.0, 4.0))
    assert (annotation.bpm, annotation.downbeat, annotation.tier, annotation.confidence) == (128.0, 0.1, 1, 0.9)
    assert annotation.audio_path == folder / "audio" / "a.wav"


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("label: drop", "label: chorus", 16, "unknown label 'chorus'"),
        ("label: drop", "label: [drop]", 16, "label must be a text"),
        ("time: 2.0", "time: 0.05", 17, "out of order"),
        ("time: 2.0", "time: 9.5", 17, "beyond the duration"),
        ("time: 2.0", "time: .nan", 17, "time must be a number"),
        ("time: 2.0", "time: -1", 17, "time -1 is not between 0"),
        ("time: 2.0", "time: true", 17, "time must be a number"),
        ("    time: 2.0\n", "", 15, "time is missing"),
        ("  bpm: 128\n", "", 4, "audio.bpm is missing"),
        ("bpm: 128", "bpm: fast", 7, "bpm must be a number, not 'fast'"),
        ("duration: 4.0", "duration: 5.0", 6, "differs from the 4.000 s"),
        ("duration: 4.0", "duration: 0", 6, "duration 0 is not between"),
        ("file: a.wav", "file: gone.wav", 5, "missing audio"),
        ("file: a.wav", 'file: "a\\0.wav"', 5, "file must be a text"),
        ("metadata:", "other:", 1, "metadata is missing"),
        ("tier: 1", "tier: 1\n  tier: 2", 3, "'tier' stands here twice"),
        ("confidence: 0.9", "confidence: 7", 3, "confidence 7 is not between 0 and 1"),
        ("time_signature: 4/4", "time_signature: four", 9, "time_signature must be like 4/4"),
        ("subtle: true", "subtle: maybe", 19, "subtle must be true or false"),
        ("audio:", "audio: [", 6, "bad YAML"),
        ("tier: 1", "tier: !!python/object/apply:os.system [ls]", None, "bad YAML"),
        ("audio:\n", "audio: 3\nrest:\n", 4, "audio must be a mapping, not 3"),
    ],
)
def test_each_fault_is_named_with_its_line(folder: Path, old: str, new: str, line: int | None, reason: str) -> None:
    assert old in GOOD
    path = write(folder, GOOD.replace(old, new, 1) if old != "confidence: 0.9" else GOOD.replace(old, new))
    faults = found(folder, path)
    assert any(reason in said and (line is None or at == line) for at, said in faults), faults


def test_the_check_goes_on_to_the_next_file_and_names_every_fault(folder: Path) -> None:
    first = write(folder, GOOD.replace("intro", "verse").replace("drop", "chorus"), "b.yaml")
    second = write(folder, "\tnot: yaml: at: all", "c.yaml")
    third = folder / "annotations" / "d.yaml"
    third.write_bytes(b"audio: \xff\xfe")
    assert [line for line, _ in found(folder, first)] == [12, 16]
    assert [reason[:8] for _, reason in found(folder, second)] == ["bad YAML"]
    assert found(folder, third) == [(1, "not UTF-8 text (byte 0xff)")]


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_unreadable_audio_is_a_fault_of_its_annotation(folder: Path, content: bytes) -> None:
    (folder / "audio" / "a.wav").write_bytes(content)
    ((line, reason),) = found(folder, folder / "annotations" / "a.yaml")
    assert (line, "unreadable audio" in reason) == (5, True)


def test_audio_that_breaks_off_is_found(folder: Path) -> None:
    whole = (folder / "audio" / "a.wav").read_bytes()
    (folder / "audio" / "a.wav").write_bytes(whole[: len(whole) // 2])
    ((_, reason),) = found(folder, folder / "annotations" / "a.yaml")
    assert "a.wav" in reason


def test_audio_dir_replaces_the_folder(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "audio" / "a.wav").rename(elsewhere / "a.wav")
    assert check_data(folder).faults
    assert check_data(folder, elsewhere).faults == ()
    assert load_annotations(folder / "annotations", elsewhere)[0].audio_path == elsewhere / "a.wav"


def test_what_only_lacks_extras_can_be_trained_on(folder: Path) -> None:
    text = "audio: {file: a.wav, duration: 4}\nstructure:\n- {label: intro, time: 0}\n- {label: drop, time: 2}\n"
    path = write(folder, text)
    assert check_data(folder).faults
    annotation = load_annotation(path)
    assert (annotation.bpm, annotation.downbeat, annotation.tier) == (None, None, None)


def test_loading_names_file_line_and_reason(folder: Path) -> None:
    path = write(folder, GOOD.replace("label: drop", "label: chorus"))
    with pytest.raises(DataError, match="unknown label 'chorus'") as caught:
        load_annotations(folder / "annotations")
    assert caught.value.message.startswith(f"{path}:16: ")


def test_an_empty_or_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        for ask in (check_data, load_annotations):
            with pytest.raises(DataError) as caught:
                ask(folder)
            assert "edm data make" in caught.value.hint


def jams(segments: list[tuple[Any, Any]], **others: Any) -> str:
    data = [{"time": time, "duration": 1.0, "value": value, "confidence": None} for time, value in segments]
    annotations = [{"namespace": "segment_open", "data": data, "sandbox": {}}]
    return json.dumps({"annotations": annotations, "file_metadata": {"duration": 4.0}, **others}, indent=1)


def test_jams_with_any_labels_and_nothing_else(folder: Path) -> None:
    path = write(folder, jams([(0.0, "verse"), (1.5, "drop")]), "a.jams")
    annotation = load_annotation(path)
    assert [segment.label for segment in annotation.segments] == [None, "drop"]
    assert (annotation.boundaries, annotation.bpm, annotation.downbeat) == ((1.5,), None, None)
    assert annotation.audio_path == folder / "audio" / "a.wav"
    assert found(folder, path) == []


def test_yaml_wins_over_the_jams_of_the_same_track(folder: Path) -> None:
    write(folder, jams([(0.0, "verse")]), "a.jams")
    write(folder, jams([(0.0, "verse")]), "z.jams")
    assert [a.path.name for a in load_annotations(folder / "annotations")] == ["a.yaml", "z.jams"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("{", 1, "bad JSON"),
        ("[]", 1, "must be a mapping"),
        ("{}", 1, "file_metadata must be a mapping"),
        (jams([]), 2, "no segment_open"),
        (jams([(1.0, "a"), (0.5, "b")]), 13, "out of order"),
        (jams([(0.0, 7)]), 9, "must be a text"),
        (jams([(0.0, "a"), (8.0, "b")]), 13, "beyond the duration"),
    ],
)
def test_faults_of_jams(folder: Path, text: str, line: int, reason: str) -> None:
    faults = found(folder, write(folder, text, "b.jams"))
    assert any(reason in said and at == line for at, said in faults), faults


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["intro", 1e400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["time", "label", "bar"]), inner),
    max_leaves=8,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "metadata": values,
        "audio": st.dictionaries(st.sampled_from(["file", "duration", "bpm", "downbeat", "time_signature"]), values),
        "structure": values | st.lists(st.dictionaries(st.sampled_from(["time", "label", "bar", "subtle"]), values)),
        "file_metadata": values | st.just({"duration": 3.0}),
        "annotations": values
        | st.lists(
            st.fixed_dictionaries({"namespace": st.sampled_from(["segment_open", "beat", "tempo"]), "data": values}),
            max_size=3,
        ),
        "sandbox": values,
    },
)
SETTINGS = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(documents, st.sampled_from(["f.yaml", "f.jams"]))
def test_no_document_brings_the_check_down(tmp_path: Path, document: dict[str, Any], name: str) -> None:
    # JSON with NaN and Infinity is what Python writes; YAML reads most of it.
    path = tmp_path / name
    path.write_text(json.dumps(document), encoding="utf-8")
    report = check_data(path)
    for fault in report.faults:
        assert str(fault).isprintable()
    annotation = read_annotation(path).annotation
    if annotation is not None:
        assert math.isfinite(annotation.duration)
        assert all(segment.time < segment.end <= annotation.duration for segment in annotation.segments)


@SETTINGS
@given(
    st.binary(max_size=60) | st.text(alphabet="[]{}:-&*a!|>'\"\n\t #%@`,?1.", max_size=60).map(str.encode),
    st.sampled_from(["f.yaml", "f.jams"]),
)
def test_no_bytes_bring_the_check_down(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert check_data(path).faults


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: &a [*a]\naudio: *a\nstructure: *a\n", "- " * 50_000, "a: 2001-99-99", "? [a]\n: b", "%"]
)
@pytest.mark.parametrize("name", ["f.yaml", "f.jams"])
def test_nasty_documents_are_faults(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert check_data(path).faults
