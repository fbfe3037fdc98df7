"""The frozen dataclasses of an annotation. Times are seconds from the start of the audio file."""

from dataclasses import dataclass
from pathlib import Path

LABELS = ("intro", "buildup", "drop", "breakdown", "outro")
"""The sections that a YAML annotation may name, in the order of the label head's classes."""

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".aiff", ".aif")


@dataclass(frozen=True)
class Segment:
    """A labelled interval [time, end). `label` is None where a JAMS file uses a word that is not in LABELS;
    `subtle` says that only a subtle change marks its start."""

    time: float
    end: float
    label: str | None
    bar: int | None = None
    confidence: float | None = None
    subtle: bool = False


@dataclass(frozen=True)
class Annotation:
    """One track. `downbeat` is the time of the first downbeat; bpm and downbeat are None where unknown."""

    path: Path
    audio_path: Path
    duration: float
    segments: tuple[Segment, ...]
    bpm: float | None = None
    downbeat: float | None = None
    time_signature: str | None = None
    tier: int | None = None
    confidence: float | None = None

    @property
    def name(self) -> str:
        """The track's name: that of the file without its suffix."""
        return self.path.stem

    @property
    def boundaries(self) -> tuple[float, ...]:
        """Interior boundaries: where one segment ends and the next begins, without start and end of the track."""
        return tuple(segment.time for segment in self.segments[1:])

    @property
    def subtle(self) -> tuple[bool, ...]:
        """For each of `boundaries`, whether only a subtle change marks it."""
        return tuple(segment.subtle for segment in self.segments[1:])

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """(start, end) of each segment, as mir_eval.segment takes them."""
        return tuple((segment.time, segment.end) for segment in self.segments)


def resolve_audio(annotation_path: Path, file: str, audio_dir: Path | None) -> Path:
    """Where the audio of an annotation lies: under `audio_dir` if given, else in the sibling folder `audio/`, else
    beside the annotation. The first that exists, or the first place looked at where none does."""
    if audio_dir is not None:
        places = [audio_dir / file, audio_dir / Path(file).name]
    else:
        places = [annotation_path.parent.parent / "audio" / file, annotation_path.parent / file]
    return next((place for place in places if place.is_file()), places[0])
