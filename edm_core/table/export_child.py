"""Writes a sheet that comes in on stdin, a JSON line a row, the titles first.

`python -m edm_core.table.export_child PATH FORMAT [replace]`: a process of its own, since pandas takes time and memory.
"""

import json
import sys
from pathlib import Path

from edm_core.cli.output import print_json
from edm_core.errors import EdmError
from edm_core.table.export import write_sheet


def main() -> int:
    path, kind, *options = sys.argv[1:]
    titles = json.loads(sys.stdin.readline())
    rows = (json.loads(line) for line in sys.stdin)
    try:
        count = write_sheet(Path(path), kind, titles, rows, replace="replace" in options)
    except EdmError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return 1
    print_json({"path": path, "rows": count})
    return 0


if __name__ == "__main__":
    sys.exit(main())
