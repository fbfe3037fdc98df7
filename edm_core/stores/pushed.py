"""What was seen on a remote, object by object, remembered by the place itself: another address under the same name
of a remote is another place, of which nothing is known.

`.edm/pushed/PLACE/HASH` stands for a version that was seen whole there; its time is when that was.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edm_core.stores.dvc_config import dvc_config
from edm_core.workspace import Workspace


def pushed_dir(workspace: Workspace) -> Path:
    return workspace.edm_dir / "pushed"


def remember_pushed(workspace: Workspace, dvc_hash: str, remote: str) -> None:
    """Note that every object of this pointer was seen on the remote as it is configured now."""
    place = dvc_config(workspace.root).place(remote)
    if place:
        path = pushed_dir(workspace) / place / dvc_hash
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (now := time.time(), now))
        _changed(workspace)


def forget_pushed(workspace: Workspace, dvc_hash: str, remote: str) -> None:
    """Note that the remote lacks something of this pointer, whatever was seen before."""
    place = dvc_config(workspace.root).place(remote)
    if place:
        (pushed_dir(workspace) / place / dvc_hash).unlink(missing_ok=True)
        _changed(workspace)


def pushed_remotes(workspace: Workspace, dvc_hash: str) -> Mapping[str, float]:
    """Remote → when the data of this pointer were last verified there (Unix seconds), of the remotes there are now."""
    found = {}
    config = dvc_config(workspace.root)
    for remote in config.remotes():
        with suppress(OSError):
            found[remote] = (pushed_dir(workspace) / config.place(remote) / dvc_hash).stat().st_mtime
    return found


def pushed_hashes(workspace: Workspace) -> set[str]:
    """Every version that was seen on one of the remotes there are now."""
    config = dvc_config(workspace.root)
    return {dvc_hash for remote in config.remotes() for dvc_hash in _seen(workspace, config.place(remote))}


def ever_pushed_to(workspace: Workspace, remote: str) -> bool:
    """Whether anything was ever seen in the place of this remote from here."""
    place = dvc_config(workspace.root).place(remote)
    return bool(place and _seen(workspace, place))


def _changed(workspace: Workspace) -> None:
    """Readers watch this one folder, not one a place."""
    with suppress(FileNotFoundError):
        os.utime(pushed_dir(workspace))


def _seen(workspace: Workspace, place: str) -> list[str]:
    try:
        return os.listdir(pushed_dir(workspace) / place)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
