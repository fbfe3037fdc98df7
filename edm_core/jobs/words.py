"""What an engine said of a job the last time that it was asked: engine.json in the job's folder."""

import time
from dataclasses import asdict, replace
from typing import Any

from edm_core.files import write_json
from edm_core.jobs.place import JobFolder
from edm_core.snapshots.jobs import EngineState


def read_engine(folder: JobFolder, name: str) -> EngineState:
    """The engine's last words; of a job that was not handed over yet, only the engine's name."""
    known = folder.read(folder.engine_file)
    try:
        return EngineState(**known) if known else EngineState(name=name)
    except TypeError:
        return EngineState(name=name)


def write_engine(folder: JobFolder, state: EngineState) -> None:
    """Note what the engine says, if it is news: what is not written, nobody has to read again."""
    fields = asdict(state)
    if folder.path.exists() and folder.read(folder.engine_file) != fields:
        write_json(folder.engine_file, fields)


def note_silence(folder: JobFolder, state: EngineState, error: str) -> None:
    """The engine could not be asked: what it said before stays, marked as old."""
    since = state.error_since if state.error_since is not None else time.time()
    write_engine(folder, replace(state, error=error, error_since=since))


def spoken(before: EngineState, **news: Any) -> EngineState:
    """The state with what the engine says now; it is no longer marked as old."""
    return replace(before, **news, error="", error_since=None)
