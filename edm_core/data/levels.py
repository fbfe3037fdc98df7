"""How loud a track is over its length, for a picture of it."""

from pathlib import Path

from edm_core.errors import DataError

PARTS = 600


def audio_levels(path: Path, parts: int = PARTS) -> tuple[float, ...]:
    """RMS level of about `parts` equal stretches of an audio file, all channels together, the loudest 1.

    Empty for silence. Raises DataError that names the file that cannot be read.
    """
    import numpy as np
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            size = max(1, -(-file.frames // parts))
            levels = [float(np.sqrt((part**2).mean())) for part in file.blocks(size, dtype="float32", always_2d=True)]
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{path.name}: the audio cannot be read: {error}", "`edm data pull` brings the tracked data set."
        ) from error
    loudest = max(levels, default=0.0)
    return tuple(level / loudest for level in levels) if loudest > 0 else ()
