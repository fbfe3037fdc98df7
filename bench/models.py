"""A registry of 2,000 versions: how long until the Models screen shows the first of them, and `edm models list`.

On SQLite, and behind an `mlflow server` on the same database. Floors in the same run: for the screen, the time from the
key to the first frame of the Jobs screen, which reads nothing from a store; for the list on SQLite a bare Python with
`sqlite3` that prints the same versions, on a server MlflowClient in a process of its own. Goal: first rows within 1 s.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.terminal import Terminal
from edm_core.workspace import Workspace
from tests.support.many_versions import NAME, many_versions
from tests.support.registry import make_workspace
from tests.support.servers import served

VERSIONS = 2_000
TIMES = 5
ROOT = Path(__file__).parent.parent
NEWEST = f"run_{VERSIONS} ".encode()
_SQL = (
    "import sqlite3, sys\n"
    "for row in sqlite3.connect(sys.argv[1]).execute('SELECT v.name, v.version, v.current_stage, t.value FROM"
    " model_versions v JOIN model_version_tags t USING (name, version) WHERE t.key = ? ORDER BY version DESC',"
    " ('edm.run_name',)): print(*row)\n"
)
_CLIENT = (
    "import sys\n"
    "from mlflow import MlflowClient\n"
    "query = {'order_by': ['version_number DESC'], 'max_results': int(sys.argv[1])}\n"
    f"for one in MlflowClient().search_model_versions(\"name='{NAME}'\", **query):"
    " print(one.name, one.version, one.current_stage, one.tags.get('edm.run_name'))\n"
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder) / "work")
        subprocess.run(["git", "init", "-q", str(workspace.root)], check=True)
        database = workspace.root / "mlflow.db"
        many_versions(database, VERSIONS)
        print(f"{VERSIONS:,} versions; seconds, median of {TIMES}")
        _measure("SQLite", workspace, [sys.executable, "-c", _SQL, str(database)])
        with served(f"sqlite:///{database}", Path(folder)) as uri:
            tracking = replace(workspace.settings.tracking, uri=uri)
            there = Workspace(workspace.root, replace(workspace.settings, tracking=tracking))
            _measure("mlflow server", there, [sys.executable, "-c", _CLIENT, str(VERSIONS)])


def _measure(store: str, workspace: Workspace, floor: list[str]) -> None:
    env = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": workspace.tracking_uri}
    rows, jobs = zip(*(_screens(workspace.root, env) for _ in range(TIMES)), strict=True)
    ours, bare = statistics.median(rows), statistics.median(jobs)
    print(f"  {store:14} Models screen, key to first rows {ours:6.3f} (goal <= 1.0); Jobs screen {bare:6.3f}")
    for name, argv in (
        ("edm models list --limit 100", ("--limit", "100")),
        ("edm models list", ()),
    ):
        took = _median([sys.executable, "-m", "edm_core.cli.main", "models", "list", *argv], workspace.root, env)
        print(f"  {store:14} {name:28} {took:6.3f}")
    print(f"  {store:14} {'floor for all of them':28} {_median(floor, workspace.root, env):6.3f}")


def _screens(root: Path, env: dict[str, str]) -> tuple[float, float]:
    """Seconds from the key to the newest version on the Models screen, and to the Jobs screen."""
    terminal = Terminal([sys.executable, "-m", "edm_tui"], root, env)
    try:
        terminal.seconds_until(b"starts one")
        terminal.bytes_until_quiet(0.5)
        return _after(terminal, b"4", NEWEST), _after(terminal, b"5", b"no jobs")
    finally:
        terminal.close()


def _after(terminal: Terminal, key: bytes, text: bytes) -> float:
    terminal.written = b""
    began = time.perf_counter()
    terminal.press(key)
    terminal.seconds_until(text, limit=120.0)
    took = time.perf_counter() - began
    terminal.bytes_until_quiet(0.5)
    return took


def _median(argv: list[str], cwd: Path, env: dict[str, str]) -> float:
    def once() -> float:
        began = time.perf_counter()
        subprocess.run(argv, cwd=cwd, env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(TIMES))


if __name__ == "__main__":
    main()
