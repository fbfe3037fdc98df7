"""Annotations: what is known of a track's structure, from YAML or from JAMS."""

from dataclasses import dataclass
from pathlib import Path

from edm_core.data.documents import BadDocumentError, read_json, read_yaml
from edm_core.data.faults import Fault, FaultList
from edm_core.data.model import LABELS, Annotation, Segment
from edm_core.data.parse_jams import parse_jams
from edm_core.data.parse_yaml import parse_yaml
from edm_core.errors import DataError

__all__ = [
    "LABELS",
    "Annotation",
    "Segment",
    "annotation_files",
    "load_annotation",
    "load_annotations",
    "read_annotation",
]

YAML_SUFFIXES = (".yaml", ".yml")
SUFFIXES = (*YAML_SUFFIXES, ".jams")


@dataclass(frozen=True)
class ReadAnnotation:
    """What came of reading one file: the annotation, unless a blocking fault prevents it, and all faults. The two
    lines are those that name the audio and its duration."""

    annotation: Annotation | None
    faults: tuple[Fault, ...]
    audio_line: int | None = None
    duration_line: int | None = None


def read_annotation(path: Path, audio_dir: Path | None = None) -> ReadAnnotation:
    """Read one YAML or JAMS file and report every fault instead of raising. The audio is not opened."""
    jams = path.suffix.lower() == ".jams"
    try:
        document = read_json(path) if jams else read_yaml(path)
    except BadDocumentError as error:
        return ReadAnnotation(None, (Fault(path, error.line, error.reason),))
    faults = FaultList(path, document.locate)
    parse = parse_jams if jams else parse_yaml
    annotation = parse(document.data, faults, audio_dir)
    if faults.blocked or annotation is None:
        return ReadAnnotation(None, tuple(faults.faults))
    lines = (None, None) if jams else (document.locate(("audio", "file")), document.locate(("audio", "duration")))
    return ReadAnnotation(annotation, tuple(faults.faults), *lines)


def load_annotation(path: Path, audio_dir: Path | None = None) -> Annotation:
    """Load one YAML or JAMS file.

    `audio_dir` replaces the folder in which the audio is looked for. Raises `DataError` that names file, line
    and reason at the first fault that prevents training; missing extras (tier, bar, bpm) do not.
    """
    read = read_annotation(Path(path), audio_dir)
    if read.annotation is None:
        first = next(fault for fault in read.faults if fault.blocking)
        raise DataError(str(first), "`edm data check` lists every fault")
    return read.annotation


def load_annotations(folder: Path, audio_dir: Path | None = None) -> list[Annotation]:
    """Load every annotation of a folder (or one file), sorted by name. Raises `DataError`."""
    files = annotation_files(Path(folder))
    if not files:
        raise DataError(f"no annotations (*.yaml, *.jams) in {folder}", "`edm data make` makes a data set")
    return [load_annotation(path, audio_dir) for path in files]


def annotation_files(folder: Path) -> list[Path]:
    """The annotation files of a folder by name; where one track has YAML and JAMS, the YAML. Raises `DataError`."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise DataError(f"no annotations here: {folder} does not exist", "`edm data make` makes a data set")
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}", "check its permissions") from error
    has_yaml = {path.stem for path in found if path.suffix.lower() in YAML_SUFFIXES}
    return sorted(path for path in found if path.suffix.lower() != ".jams" or path.stem not in has_yaml)
