"""A verb as a child process: what it says at its end, and for whom it waits meanwhile."""

import json
import os
import subprocess
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import IO, Any, cast

from edm_core.errors import ActionError, EdmError
from edm_core.snapshots.outcome import Level, Outcome, Store
from edm_tui.going_on import Act

_LOOK_SECONDS = 0.3
_TAIL_BYTES = 2000
_INTERRUPTED = 130


def run_verb(python: str, cwd: Path, argv: tuple[str, ...], act: Act) -> dict[str, Any]:
    """Run `edm ARGV --json` to its end; its document. Raises EdmError with its message and hint.

    The child has a session of its own and writes to files, so it ends what it began even when the interface is gone.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [python, "-m", "edm_core.cli.main", *with_json(argv)],
            cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
        act.pid = child.pid
        status = _wait(child, err, act)
        out.seek(0)
        err.seek(0)
        return to_result(argv, status, out.read(), err.read().decode(errors="replace"))


def _wait(child: "subprocess.Popen[bytes]", err: IO[bytes], act: Act) -> int:
    """Wait for the child; what it does, or as long as its last word is that it waits for somebody, the action says."""
    from edm_core.lock import DOING, WAITING

    while True:
        try:
            return child.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            size = os.fstat(err.fileno()).st_size
            told = os.pread(err.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace")
            last = next(reversed(told.split("\n")[:-1]), "")
            act.waits_for = last.removeprefix(WAITING) if last.startswith(WAITING) else ""
            act.doing = last.removeprefix(DOING) if last.startswith(DOING) else act.doing


def with_json(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The verb with --json. What comes after `--` belongs to the command that is launched, so it goes before that."""
    end = argv.index("--") if "--" in argv else len(argv)
    return (*argv[:end], "--json", *argv[end:])


def to_result(argv: tuple[str, ...], status: int, raw: bytes, told: str) -> dict[str, Any]:
    """What a verb's end means: its document, also when a batch failed in part; EdmError when it failed."""
    if status == 0:
        return to_document(argv, raw)
    if status == 1 and raw.strip():
        document = to_document(argv, raw)
        if "findings" in document:
            # Doctor's status tells scripts whether an error is left; what it says is whole all the same.
            return document
        failed = document.get("errors")
        if isinstance(failed, list) and document.get("runs"):
            lines = [f"{one.get('run', '')}: {one.get('message', '')}" for one in failed if isinstance(one, dict)]
            return {**document, "detail": "\n".join(lines), "level": "warning"}
    raise to_error(argv, status, told)


def to_document(argv: tuple[str, ...], raw: bytes) -> dict[str, Any]:
    """The JSON document that a verb printed."""
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise ActionError(
            f"`edm {' '.join(argv)}` was done, but did not say what it did", "Look at `@`, the command log."
        ) from error
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {"value": document}


def to_outcome(document: dict[str, Any], title: str) -> Outcome:
    """The Outcome in a verb's JSON document; what is not one of its fields is kept in `data`."""
    known = {field.name for field in fields(Outcome)}
    level: Level = "warning" if document.get("level") == "warning" else "done"
    stale = cast("tuple[Store, ...]", tuple(document.get("stale", ("runs", "models", "data", "jobs"))))
    return Outcome(
        title=str(document.get("title", title)),
        detail=str(document.get("detail", "")),
        level=level,
        stale=stale,
        data={key: value for key, value in document.items() if key not in known},
    )


def to_error(argv: tuple[str, ...], status: int, told: str) -> EdmError:
    """The error that a verb told on stderr: its last `error:` line and the `hint:` after it."""
    message, hint = "", ""
    for line in told.splitlines():
        lowered = line.lower()
        if lowered.startswith("error:"):
            message, hint = line[6:].strip(), ""
        elif lowered.startswith("hint:"):
            hint = line[5:].strip()
    if message:
        return ActionError(message, hint)
    if status == _INTERRUPTED:
        stays = "What has arrived stays; the same verb goes on from there." if argv[0] in ("push", "pull") else ""
        return ActionError("it was stopped", stays)
    last = next((line.strip() for line in reversed(told.splitlines()) if line.strip()), "")
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return ActionError(f"`edm {' '.join(argv)}` {how}" + (f": {last}" if last else ""), "Look at `@`, the command log.")
