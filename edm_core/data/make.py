"""Makes the data set: renders every track and puts the folder in place in one step."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edm_core.data.arrange import tracks
from edm_core.data.files import jams_text, wav_bytes, yaml_text
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
    written: bool
    replaced: Path | None = None


def make_dataset(folder: Path, *, force: bool = False, progress: Progress | None = None) -> MadeData:
    """Make `folder` with audio/, annotations/ and jams/.

    It is rendered beside the folder and renamed, so that a half-made data set is never seen. A folder that holds
    something else is left alone and `DataError` raised, unless `force`: then the old one is moved aside, to a
    name beside it, never removed.
    """
    _refuse_what_is_no_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making-", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        write_tracks(fresh, tracks(), progress)
        return _put_in_place(fresh, folder, force)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


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


def content_of(folder: Path) -> dict[str, str]:
    """The md5 of every file below a folder, by its path relative to it with forward slashes."""
    return {path.relative_to(folder).as_posix(): _md5(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _refuse_what_is_no_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder", "move it away, then run `edm data make` again")


def _put_in_place(fresh: Path, folder: Path, force: bool) -> MadeData:
    made = content_of(fresh)
    size = sum((fresh / name).stat().st_size for name in made)
    replaced = None
    if folder.exists() and any(folder.iterdir()):
        here = content_of(folder)
        if here == made:
            return MadeData(folder, len(tracks()), len(made), size, written=False)
        if not force:
            raise DataError(
                f"{folder} holds something else already ({_difference(here, made)}); it was left as it is",
                "`edm data make --force` moves it aside and puts the made data set there",
            )
        replaced = _free_name(folder)
        folder.rename(replaced)
    fresh.replace(folder)
    return MadeData(folder, len(tracks()), len(made), size, written=True, replaced=replaced)


def _difference(here: dict[str, str], made: dict[str, str]) -> str:
    changed = sum(1 for name in here.keys() & made.keys() if here[name] != made[name])
    more, missing = len(here.keys() - made.keys()), len(made.keys() - here.keys())
    return f"{changed} files differ, {more} more, {missing} missing"


def _free_name(folder: Path) -> Path:
    for n in range(1, 1000):
        name = folder.with_name(f"{folder.name}.old-{n}")
        if not name.exists():
            return name
    raise DataError(f"no free name beside {folder} to move it to", f"remove the {folder.name}.old-* folders")
