"""A sheet written by a process of its own: pandas would hold up the screen, and keep its memory."""

import contextlib
import json
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

from edm_core.table.sheet import Sheet
from edm_tui.children import to_document, to_error

AT_ONCE = 200
"""Rows that are made and sent at a time, so that the screen has its turn in between."""
_PROGRAM = "edm_core.table.export_child"


def write_in_child(sheet: Sheet, path: Path, kind: str, replace: bool, python: str = sys.executable) -> int:
    """Write the sheet and return how many rows it had. To be called in a thread. Raises ActionError."""
    argv = (str(path), kind, *(("replace",) if replace else ()))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [python, "-m", _PROGRAM, *argv], stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
        )
        assert child.stdin is not None
        # A child that gave up early says why on stderr.
        with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
            pipe.write(json.dumps(sheet.titles).encode() + b"\n")
            while part := list(islice(sheet.rows, AT_ONCE)):
                pipe.write("".join(json.dumps(row) + "\n" for row in part).encode())
        status = child.wait()
        out.seek(0)
        err.seek(0)
        if status:
            raise to_error(("runs", "list", "--output", str(path)), status, err.read().decode(errors="replace"))
        return int(to_document(argv, out.read())["rows"])
