"""Checks a data set: every annotation and its audio, every fault named, no fault the last one."""

from dataclasses import dataclass
from pathlib import Path

from edm_core.data.annotations import SUFFIXES, ReadAnnotation, read_annotation
from edm_core.data.faults import Fault
from edm_core.data.model import Annotation
from edm_core.errors import DataError

TOLERANCE = 0.05
"""Seconds by which the duration in an annotation may differ from that of its audio (MP3 padding is less)."""
BLOCK = 1 << 18


@dataclass(frozen=True)
class CheckReport:
    """What a check looked at and what it found; gaps that training can do without are among the faults."""

    folder: Path
    annotations: int
    audio_files: int
    faults: tuple[Fault, ...]


def check_data(folder: Path, audio_dir: Path | None = None) -> CheckReport:
    """Check every annotation below `folder`: its annotations/ and jams/ if it has them, else the folder itself.

    Raises `DataError` where there is nothing to check; whatever is wrong with a file is a fault in the report.
    """
    files = _files(folder)
    if not files:
        raise DataError(f"no annotations (*.yaml, *.jams) in {folder}", "`edm data make` makes a data set")
    faults: list[Fault] = []
    heard: dict[Path, float | str] = {}
    for path in files:
        read = read_annotation(path, audio_dir)
        faults.extend(read.faults)
        if read.annotation is not None:
            faults.extend(_audio_faults(read.annotation, read, heard))
    return CheckReport(folder, len(files), len(heard), tuple(faults))


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist", "`edm data make` makes a data set")
    within = [folder / name for name in ("annotations", "jams") if (folder / name).is_dir()] or [folder]
    try:
        found = [path for place in within for path in place.iterdir()]
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}", "check its permissions") from error
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def _audio_faults(annotation: Annotation, read: ReadAnnotation, heard: dict[Path, float | str]) -> list[Fault]:
    audio = annotation.audio_path
    if audio not in heard:
        heard[audio] = _listen(audio)
    found = heard[audio]
    if isinstance(found, str):
        return [Fault(annotation.path, read.audio_line, found)]
    if abs(found - annotation.duration) > TOLERANCE:
        reason = f"duration {annotation.duration:g} s differs from the {found:.3f} s of {audio}"
        return [Fault(annotation.path, read.duration_line, reason)]
    return []


def _listen(audio: Path) -> float | str:
    """The seconds of sound that decode, or what is wrong. Reads to the end: a header promises what a cut file lacks."""
    import soundfile

    try:
        exists = audio.is_file()
    except (OSError, ValueError):
        exists = False
    if not exists:
        return f"missing audio: {audio}"
    try:
        with soundfile.SoundFile(audio) as sound:
            frames = sum(len(block) for block in sound.blocks(blocksize=BLOCK, dtype="int16"))
            promised, rate = int(sound.frames), float(sound.samplerate)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        return f"unreadable audio: {audio}: {_one_line(error)}"
    if frames < promised:
        return f"unreadable audio: {audio} breaks off after {frames / rate:.3f} s"
    return frames / rate


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text.rsplit(": ", 1)[-1][:200]
