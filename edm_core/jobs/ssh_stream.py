"""What a job's folder sends over a line, and how the other side takes it: frames of a JSON head and bytes.

The log and the progress go on from the byte that the other side has; small files go whole whenever they change. The end
goes last, when all else has gone. What was sent twice, after a drop, does no harm.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from edm_core.files import write_atomic, write_json
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.place import modified, stamp
from edm_core.jobs.states import summary_of
from edm_core.jobs.words import read_engine, spoken, write_engine
from edm_core.snapshots.jobs import JobSnapshot

LOOK_SECONDS, BEAT_SECONDS = 0.2, 3.0
_PIECE = 256 * 1024
SKIP_BYTES, KEPT_BYTES = 16 << 20, 1 << 20
"""Of a log that is so far ahead only the end is sent; the rest stays where it was written."""
GROWING = ("log", "progress.jsonl")
SMALL = ("child.json", "alarms.json", "environment.json")


def send(
    folder: JobFolder,
    have: dict[str, int],
    out: IO[bytes],
    look: Callable[[], JobSnapshot],
    wait: Callable[[float], None],
) -> None:
    """Send what the folder holds beyond `have` (bytes of each growing file) until the job has ended."""
    seen: dict[str, object] = {}
    beaten = 0.0
    while True:
        # The state first: what the job said before it ended is then certainly sent with it.
        job = look()
        sent = [_frame(out, head, data) for head, data in _news(folder, job, have, seen)]
        if not job.active:
            end = folder.read(folder.exit_file) or {"state": job.state, "exit_code": job.exit_code, "note": job.note}
            _frame(out, {"exit": end})
            return
        if sent:
            beaten = time.monotonic()
        elif time.monotonic() - beaten > BEAT_SECONDS:
            # So that this side, too, learns that nobody listens any more.
            beaten = time.monotonic()
            _frame(out, {})
        wait(LOOK_SECONDS)


def _news(
    folder: JobFolder, job: JobSnapshot, have: dict[str, int], seen: dict[str, object]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    said = {"state": job.state, "held": job.held, "note": job.note, "run_id": job.run_id, "run_name": job.run_name}
    if seen.get("job") != said:
        seen["job"] = said
        yield {"job": said}, b""
    for name in SMALL:
        path = folder.path / name
        if (now := stamp(path)) is not None and seen.get(name) != now:
            seen[name] = now
            yield {"file": name, "at": modified(path)}, path.read_bytes()
    for name in GROWING:
        yield from _growth(folder.path / name, have)


def _growth(path: Path, have: dict[str, int]) -> Iterator[tuple[dict[str, Any], bytes]]:
    size = path.stat().st_size if path.exists() else 0
    if path.name == "log" and size - have["log"] > SKIP_BYTES:
        have["log"] = size - KEPT_BYTES
    while have[path.name] < size:
        with path.open("rb") as file:
            file.seek(have[path.name])
            data = file.read(min(_PIECE, size - have[path.name]))
        if not data:
            return
        yield {"grow": path.name, "from": have[path.name]}, data
        have[path.name] += len(data)


def _frame(out: IO[bytes], head: dict[str, Any], data: bytes = b"") -> bool:
    out.write(json.dumps({**head, "bytes": len(data)}).encode() + b"\n" + data)
    out.flush()
    return True


def have(folder: JobFolder) -> dict[str, int]:
    """How much of each growing file is here; a record that was cut off by a drop is asked for again."""
    progress = folder.progress_file
    if progress.exists():
        data = progress.read_bytes()
        os.truncate(progress, data.rfind(b"\n") + 1)
    return {name: (folder.path / name).stat().st_size if (folder.path / name).exists() else 0 for name in GROWING}


def take(folder: JobFolder, stream: IO[bytes], name: str, host: str) -> bool:
    """Take in frames until the line drops; whether the end was among them."""
    while head_line := stream.readline():
        if not head_line.endswith(b"\n"):
            return False
        head = json.loads(head_line)
        data = stream.read(head["bytes"])
        if len(data) < head["bytes"]:
            return False
        if "exit" in head:
            _take_end(folder, head["exit"], name)
            return True
        _take(folder, head, data, name, host)
    return False


def _take(folder: JobFolder, head: dict[str, Any], data: bytes, name: str, host: str) -> None:
    if head.get("grow") in GROWING:
        _write_at(folder.path / head["grow"], int(head["from"]), data)
    elif head.get("file") in SMALL:
        path = folder.path / head["file"]
        write_atomic(path, data)
        os.utime(path, (head["at"], head["at"]))
    elif "job" in head:
        _take_state(folder, head["job"], name, host)


def _take_state(folder: JobFolder, said: dict[str, Any], name: str, host: str) -> None:
    state = str(said["state"])
    phase = state if state in ("queued", "running") else "ended"
    reason = str(said["note"]) if phase == "queued" else ""
    news = spoken(
        read_engine(folder, name), phase=phase, state=state, reason=reason, place=host, held=bool(said["held"])
    )
    write_engine(folder, news)
    job = folder.read(folder.job_file) or {}
    known = {key: said[key] for key in ("run_id", "run_name") if said[key] and job.get(key) != said[key]}
    if known:
        write_json(folder.job_file, job | known)


def _take_end(folder: JobFolder, end: dict[str, Any], name: str) -> None:
    write_engine(folder, spoken(read_engine(folder, name), phase="ended", state=str(end["state"]), reason=""))
    if not folder.exit_file.exists():
        # What exit.json keeps of the other files is told from here, where the job is one of another engine.
        write_json(folder.exit_file, {**end, "ended": end.get("ended") or time.time(), "job": summary_of(folder)})


def _write_at(path: Path, offset: int, data: bytes) -> None:
    """Write where it stands there; what was left out between is a hole that takes no space."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(handle, data, offset)
    finally:
        os.close(handle)
