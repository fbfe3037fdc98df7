"""The diff of two runs with 200 params and 100 metrics each, in a terminal of 200x50: from the key to the last line."""

import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.stores import many_runs
from bench.terminal import Terminal

PARAMS, METRICS, POINTS = 200, 100, 50
ROOT = Path(__file__).parent.parent
TRIES = 5
COLUMNS = "(`key`, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = many_runs(Path(folder) / "diff", 2)
        with sqlite3.connect(workspace.root / "mlflow.db") as database:
            _fill(database)
        seconds = [_opened(workspace.root) for _ in range(TRIES)]
    worst, median = max(seconds), statistics.median(seconds)
    print(
        f"diff of two runs with {PARAMS} params and {METRICS} metrics, d to painted: {1000 * median:.0f} ms"
        f" (worst of {TRIES}: {1000 * worst:.0f}; goal <= 150 ms)"
    )


def _fill(database: sqlite3.Connection) -> None:
    for table in ("params", "metrics", "latest_metrics"):
        database.execute(f"DELETE FROM {table}")
    for run in range(2):
        run_id, now = f"{run:032x}", int(time.time() * 1000)
        params = [(f"param_{number:03}", str(number + run), run_id) for number in range(PARAMS)]
        database.executemany("INSERT INTO params (`key`, value, run_uuid) VALUES (?, ?, ?)", params)
        for number in range(METRICS):
            points = [(f"loss_{number:03}", 1 / (step + run + 1), now, run_id, step, False) for step in range(POINTS)]
            database.executemany(f"INSERT INTO metrics {COLUMNS}", points)
            database.execute(f"INSERT INTO latest_metrics {COLUMNS}", points[-1])


def _opened(root: Path) -> float:
    """Seconds from pressing d until the status line and the params are there."""
    env = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    terminal = Terminal([sys.executable, "-m", "edm_tui"], root, env)
    try:
        terminal.seconds_until(b"run_1")
        terminal.bytes_until_quiet(1.0)
        terminal.press(b" j ")
        terminal.bytes_until_quiet(0.5)
        terminal.written, terminal.started = b"", time.perf_counter()
        terminal.press(b"d")
        terminal.seconds_until(b"param_040")
        return terminal.seconds_until(f"{PARAMS} of {PARAMS} params".encode())
    finally:
        terminal.close()


if __name__ == "__main__":
    main()
