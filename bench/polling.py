"""What it costs to ask, each second, whether anything changed: 100,000 runs on SQLite, nothing changed.

The floors are one `PRAGMA data_version` on an open connection and one `os.stat` of the file, in the same run.
"""

import os
import sqlite3
import statistics
import time
from collections.abc import Callable

from bench.stores import shared_runs
from edm_core.stores.runs import change_token
from edm_core.stores.sqlite_schema import database_path

RUNS = 100_000
TIMES = 2_000


def main(runs: int = RUNS) -> None:
    workspace = shared_runs(runs)
    path = database_path(workspace.tracking_uri)
    assert path is not None
    connection = sqlite3.connect(path)
    try:
        version = _microseconds(lambda: connection.execute("PRAGMA data_version").fetchone())
    finally:
        connection.close()
    stat = _microseconds(lambda: os.stat(path))  # noqa: PTH116
    change_token(workspace)
    ours = _microseconds(lambda: change_token(workspace))
    print(
        f"a poll when nothing changed, {runs:,} runs: {ours:.0f} µs (goal < 1,000); one PRAGMA data_version"
        f" {version:.0f} µs, one stat {stat:.0f} µs"
    )


def _microseconds(asked: Callable[[], object]) -> float:
    """The median of many."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        asked()
        took.append((time.perf_counter() - began) * 1e6)
    return statistics.median(took)


if __name__ == "__main__":
    main()
