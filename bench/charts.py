"""Charts: a grid of 12 metrics x 8 runs x 10,000 steps, one history of 1,000,000 points, the cursor, and live points.

In process with a Textual app at 200x50, from the key press until the charts are drawn, so that what a terminal or a
line adds is left out; bytes are those that a terminal of 200x50 gets.
"""

import asyncio
import math
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.stores import many_runs
from bench.terminal import Terminal
from edm_core.curves.lines import Line, View
from edm_core.curves.picture import draw
from edm_core.stores.histories import load_histories
from edm_core.workspace import Workspace

RUNS, METRICS, STEPS, LONG = 8, 12, 10_000, 1_000_000
COLUMNS = "(`key`, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)"
ROOT = Path(__file__).parent.parent
TRIES = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = many_runs(Path(folder) / "charts", RUNS + 1)
        with sqlite3.connect(workspace.root / "mlflow.db") as database:
            fill(database)
        _long(workspace)
        asyncio.run(_grid(workspace))
        _live(workspace)


def fill(database: sqlite3.Connection) -> None:
    """METRICS long series in each of the first RUNS runs, and one of LONG points in the run after them."""
    chance, now = random.Random(2), int(time.time() * 1000)
    database.execute("DELETE FROM metrics")
    database.execute("DELETE FROM latest_metrics")
    for run in range(RUNS + 1):
        keys = [f"metric_{number:02}" for number in range(METRICS)] if run < RUNS else ["long"]
        for key in keys:
            points = list(_points(f"{run:032x}", key, STEPS if run < RUNS else LONG, now, chance))
            database.executemany(f"INSERT INTO metrics {COLUMNS}", points)
            database.execute(f"INSERT INTO latest_metrics {COLUMNS}", points[-1])


def _points(
    run_id: str, key: str, count: int, now: int, chance: random.Random
) -> Iterator[tuple[str, float, int, str, int, bool]]:
    for step in range(count):
        spike = 5.0 if step == count * 7 // 9 else 0.0
        value = math.exp(-4 * step / count) + 0.05 * chance.random() + spike
        yield key, value, now + 100 * step, run_id, step, False


def _long(workspace: Workspace) -> None:
    run_id, reads, draws, zooms = f"{RUNS:032x}", [], [], []
    for _ in range(TRIES):
        began = time.perf_counter()
        history = load_histories(workspace, run_id, ["long"], 400)["long"]
        read = time.perf_counter()
        draw([Line("long", history)], View(), 200, 45)
        reads.append(read - began)
        draws.append(time.perf_counter() - read)
        began = time.perf_counter()
        fine = load_histories(workspace, run_id, ["long"], 400, (LONG // 2, LONG // 2 + 50_000))["long"]
        draw([Line("long", fine)], View(), 200, 45)
        zooms.append(time.perf_counter() - began)
    kept = history.highest is not None and history.highest[0] == LONG * 7 // 9
    print(f"{LONG:,} points, first read: {_ms(reads)} (goal <= 1,000 ms); spike kept: {kept}")
    print(f"{LONG:,} points, drawn after it at 200x45: {_ms(draws)} (goal <= 150 ms); zoom to 50,000: {_ms(zooms)}")


async def _grid(workspace: Workspace) -> None:
    from edm_core.stores.runs import load_runs
    from edm_tui.app import EdmApp
    from edm_tui.screens.charts import ChartGridScreen

    opened, busy, moved = [], [], []
    rows = tuple(row for row in load_runs(workspace).rows if row.name != f"run_{RUNS}")
    for _ in range(TRIES):
        app = EdmApp(workspace, load_runs(workspace))
        async with app.run_test(size=(200, 50)) as pilot:
            await pilot.pause()
            began, worked = time.perf_counter(), time.process_time()
            app.open_view("charts", rows)
            screen = app.screen
            while not (isinstance(screen, ChartGridScreen) and screen.is_mounted and _drawn(screen)):
                await asyncio.sleep(0.001)
                screen = app.screen
            opened.append(time.perf_counter() - began)
            busy.append(time.process_time() - worked)
            screen.do_open()
            await pilot.pause()
            await app.workers.wait_for_complete()
            for _ in range(10):
                began = time.perf_counter()
                screen.do_step_back()
                moved.append(time.perf_counter() - began)
    print(f"{METRICS} metrics x {RUNS} runs x {STEPS:,} steps, read and drawn: {_ms(opened)} (goal <= 500 ms)")
    print(f"of that, processor time of all threads: {_ms(busy)}")
    print(f"cursor move in an enlarged chart of {RUNS} runs: {_ms(moved)} (goal <= 30 ms)")


def _drawn(screen: object) -> bool:
    from edm_tui.screens.charts import ChartGridScreen

    if not isinstance(screen, ChartGridScreen) or not screen.query("#charts"):
        return False
    panels = screen.pane.panels
    return len(panels) == METRICS and all(
        len(panel.lines) == RUNS and all(len(line.history) for line in panel.lines) for panel in panels
    )


def _live(workspace: Workspace) -> None:
    """Bytes for one new point in each of 12 charts of one running run, whose axes stay."""
    run_id, now = f"{0:032x}", int(time.time() * 1000)
    with sqlite3.connect(workspace.root / "mlflow.db") as database:
        database.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL WHERE run_uuid = ?", (run_id,))
        database.execute("DELETE FROM metrics WHERE run_uuid = ? AND step >= 60", (run_id,))
        database.execute("DELETE FROM latest_metrics WHERE run_uuid = ?", (run_id,))
        for number in range(METRICS):
            point = (f"metric_{number:02}", 0.9, now, run_id, 60, False)
            for table in ("metrics", "latest_metrics"):
                database.execute(f"INSERT INTO {table} {COLUMNS}", point)
    env = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    terminal = Terminal([sys.executable, "-m", "edm_tui"], workspace.root, env)
    try:
        terminal.seconds_until(b"run_0 ")
        terminal.bytes_until_quiet(1.0)
        terminal.press(b"v")
        terminal.bytes_until_quiet(3.0)
        with sqlite3.connect(workspace.root / "mlflow.db") as database:
            for number in range(METRICS):
                point = (f"metric_{number:02}", 0.93, now, run_id, 61, False)
                database.execute(f"INSERT INTO metrics {COLUMNS}", point)
                database.execute(
                    "UPDATE latest_metrics SET step = 61, value = 0.93 WHERE run_uuid = ? AND key = ?",
                    (run_id, f"metric_{number:02}"),
                )
        count = terminal.bytes_until_quiet(3.0)
        print(
            f"bytes for a new point in each of {METRICS} charts: {count:,}; a chart: {count / METRICS:,.0f}"
            " (goal <= 5,000)"
        )
        print(f"bytes in 5 s in which nothing comes: {terminal.bytes_until_quiet(5.0)} (goal 0)")
    finally:
        terminal.close()


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms (worst of {len(seconds)}: {1000 * max(seconds):.1f})"


if __name__ == "__main__":
    main()
