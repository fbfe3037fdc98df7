"""Makes the data set: renders every track and puts the folder in place in one step."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edm_core.data.arrange import tracks
from edm_core.data.files import jams_text, wav_bytes, yaml_text
from edm_core.data.hashes import directory_md5, folder_hashes
from edm_core.data.render import render
from edm_core.data.score import Track
from edm_core.errors import DataError

Progress = Callable[[int, int, str], None]
"""Called with the number of finished tracks, the number of all, and the name of the one just done."""


@dataclass(frozen=True)
class MadeData:
    """What came of making the data set. `written` is False where the same files were there already; `replaced` is
    where different ones went."""

    folder: Path
    tracks: int
    files: int
    bytes: int
    version: str
    """DVC's hash of the folder, as data.dvc names it."""
    written: bool
    replaced: Path | None = None


def make_dataset(
    folder: Path, *, force: bool = False, aside: Path | None = None, progress: Progress | None = None
) -> MadeData:
    """Make `folder` with audio/, annotations/ and jams/.

    It is rendered beside the folder and renamed, so that a half-made data set is never seen. A folder that holds
    something else is left alone and `DataError` raised, unless `force`: then the old one is moved into `aside` (by
    default the folder's own parent) under a free name, never removed.
    """
    _refuse_what_is_no_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_over(folder)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making-{os.getpid()}-", dir=folder.parent))
    except OSError as error:
        raise _cannot(folder, error) from error
    try:
        fresh.chmod(0o755)
        # Whatever becomes of this process, git must never offer half a data set for a commit.
        (fresh / ".gitignore").write_bytes(b"*\n")
        write_tracks(fresh, tracks(), progress)
        (fresh / ".gitignore").unlink()
        return _put_in_place(fresh, folder, (aside or folder.parent) if force else None)
    except OSError as error:
        raise _cannot(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _cannot(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot make {folder}: {error.strerror or error}", "check the free space and the permissions")


def _clear_left_over(folder: Path) -> None:
    # A killed process leaves what it was making; its number tells that nobody works on it any more.
    import psutil

    start = f".{folder.name}.making-"
    for path in folder.parent.glob(f"{start}*"):
        number = path.name.removeprefix(start).split("-")[0]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def write_tracks(folder: Path, which: tuple[Track, ...], progress: Progress | None = None) -> None:
    """Render tracks into audio/, annotations/ and jams/ of a folder."""
    for name in ("audio", "annotations", "jams"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for count, track in enumerate(which, 1):
        (folder / "audio" / f"{track.name}.wav").write_bytes(wav_bytes(render(track)))
        (folder / "annotations" / f"{track.name}.yaml").write_bytes(yaml_text(track).encode())
        (folder / "jams" / f"{track.name}.jams").write_bytes(jams_text(track).encode())
        if progress is not None:
            progress(count, len(which), track.name)


def _refuse_what_is_no_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder", "move it away, then run `edm data make` again")


def _put_in_place(fresh: Path, folder: Path, aside: Path | None) -> MadeData:
    made = folder_hashes(fresh)
    size = sum((fresh / name).stat().st_size for name in made)
    replaced = None
    if folder.exists() and any(folder.iterdir()):
        here = folder_hashes(folder)
        if here == made:
            return MadeData(folder, len(tracks()), len(made), size, directory_md5(made), written=False)
        if aside is None:
            raise DataError(
                f"{folder} holds something else already ({_difference(here, made)}); it was left as it is",
                "`edm data make --force` moves it aside and puts the made data set there",
            )
        replaced = _free_name(aside, folder.name)
        folder.rename(replaced)
    fresh.replace(folder)
    return MadeData(folder, len(tracks()), len(made), size, directory_md5(made), written=True, replaced=replaced)


def _difference(here: dict[str, str], made: dict[str, str]) -> str:
    changed = sum(1 for name in here.keys() & made.keys() if here[name] != made[name])
    more, missing = len(here.keys() - made.keys()), len(made.keys() - here.keys())
    return f"{changed} files differ, {more} more, {missing} missing"


def _free_name(aside: Path, name: str) -> Path:
    aside.mkdir(parents=True, exist_ok=True)
    for n in range(1, 1000):
        place = aside / f"{name}.old-{n}"
        if not place.exists():
            return place
    raise DataError(f"no free name in {aside} to move {name} to", f"remove the {name}.old-* folders there")
