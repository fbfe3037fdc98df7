"""A push or a pull is a job of its own kind: a folder `.edm/transfers/ID`, written by the process that does it.

    job.json        verb, targets, and which process it is
    progress.jsonl  where it is, one record a line (the fields of TransferProgress)
    exit.json       how it ended; not there while it goes on, or when its process was killed

It takes no slot and has no supervisor: killed, it is begun again by the same verb, and what has arrived stays.
Only the standard library is used, so that the TUI may ask as often as it likes.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from edm_core.jobs.identity import process_from_json
from edm_core.jobs.place import JobFolder, modified, stamp
from edm_core.jobs.progress import last_progress, number, text
from edm_core.snapshots.transfers import PHASES, Phase, TransferProgress, TransferSnapshot, TransferState

_ENDED: tuple[TransferState, ...] = ("done", "failed", "stopped")


def load_transfers(transfers_dir: Path) -> tuple[TransferSnapshot, ...]:
    """Every transfer of the folder, newest first."""
    return tuple(load_transfer(transfers_dir / name) for name in sorted(_names(transfers_dir), reverse=True))


def active_transfer(transfers_dir: Path) -> TransferSnapshot | None:
    """The one that goes on: the one at work before those that wait for it; None when all have ended."""
    active = [transfer for transfer in load_transfers(transfers_dir) if transfer.active]
    at_work = [transfer for transfer in active if transfer.progress.phase != "wait"]
    return next(iter(at_work or active), None)


def load_transfer(path: Path) -> TransferSnapshot:
    """What the folder says now."""
    folder = JobFolder(path)
    job = folder.read(folder.job_file) or {}
    process = process_from_json(job.get("process"))
    alive = process is not None and process.alive()
    # Looked at after the process: it writes exit.json before it goes.
    end = folder.read(folder.exit_file) or {}
    state = cast("TransferState", end.get("state")) if end.get("state") in _ENDED else "running" if alive else "lost"
    targets = job.get("targets")
    return TransferSnapshot(
        id=folder.id,
        verb=text(job.get("verb")),
        targets=tuple(str(target) for target in targets) if isinstance(targets, list) else (),
        state=state,
        created=number(job.get("created")) or modified(path) or 0.0,
        folder=str(path),
        pid=process.pid if process else 0,
        ended=number(end.get("ended")),
        progress=_progress(last_progress(folder.progress_file)),
        title=text(end.get("title")),
        message=text(end.get("message")),
        hint=text(end.get("hint")),
    )


def transfers_token(transfers_dir: Path) -> tuple[object, ...]:
    """Changes whenever a transfer begins, goes on or ends; costs a few stats of the newest folders."""
    names = sorted(_names(transfers_dir), reverse=True)[:3]
    folders = [JobFolder(transfers_dir / name) for name in names]
    return tuple((folder.id, stamp(folder.progress_file), stamp(folder.exit_file)) for folder in folders)


def stop_transfer(transfer: TransferSnapshot) -> bool:
    """Ask it to stop; False when it has ended. What has arrived stays, and the verb goes on from there."""
    folder = JobFolder(Path(transfer.folder))
    process = process_from_json((folder.read(folder.job_file) or {}).get("process"))
    return process is not None and process.send(signal.SIGTERM)


def _progress(record: Mapping[str, Any]) -> TransferProgress:
    known = {field.name for field in fields(TransferProgress)}
    phase = record.get("phase")
    with suppress(TypeError):
        found = {key: value for key, value in record.items() if key in known}
        return TransferProgress(**{**found, "phase": cast("Phase", phase) if phase in PHASES else "wait"})
    return TransferProgress()


def _names(transfers_dir: Path) -> list[str]:
    try:
        with os.scandir(transfers_dir) as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []
