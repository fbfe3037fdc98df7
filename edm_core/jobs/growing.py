"""Reading a file of JSON lines as another process appends to it."""

import json
import os
from pathlib import Path
from typing import Any

_AT_ONCE = 1 << 20
"""Bytes read in one go, so that a poll stays short; the rest comes with the next."""


class GrowingRecords:
    """The records of a JSON lines file, each given once. A last line without its end is left for the next poll."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def poll(self) -> list[dict[str, Any]]:
        """What was appended since the last poll; nothing while the file is not there."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                # A file that became shorter is another file: it is read from its start.
                self._offset = self._offset if size >= self._offset else 0
                file.seek(self._offset)
                chunk = file.read(_AT_ONCE)
        except FileNotFoundError:
            return []
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) == _AT_ONCE:
            end = len(chunk)  # No record is that long: step over what is none.
        self._offset += end
        return [record for line in chunk[:end].splitlines() if (record := _record(line)) is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
