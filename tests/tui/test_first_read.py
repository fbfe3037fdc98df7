"""The read that goes on beside Textual's import, in a process with one thread as at the start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.runs import load_runs
from tests.support.stores import log_run, new_workspace

SCRIPT = """
import os, sys, time
from edm_core.errors import EdmError
from edm_core.workspace import find_workspace
from edm_tui.first_read import FirstRead

{before}
workspace = find_workspace()
token, result = FirstRead(workspace).result({seconds})
if isinstance(result, EdmError):
    print("error:", result.message, "hint:", result.hint)
elif result is None:
    print("none")
else:
    print(len(result.rows), token is not None)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child left")
"""


def read(root: Path, uri: str, before: str = "", seconds: float = 30) -> list[str]:
    (root / "edm.toml").touch()
    code = SCRIPT.format(before=before, seconds=seconds)
    env = {**os.environ, "MLFLOW_TRACKING_URI": uri}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=env, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_runs_and_token_arrive(tmp_path: Path) -> None:
    assert read(tmp_path, "memory://sample") == ["12 True", "no child left"]


def test_nothing_that_a_library_says_reaches_the_terminal(tmp_path: Path) -> None:
    before = (
        "import edm_core.stores.first_runs as r; old = r.load_runs\n"
        "def loud(*a, **k): print('noise', flush=True); print('noise', file=sys.stderr); return old(*a, **k)\n"
        "r.load_runs = loud"
    )
    assert read(tmp_path, "memory://sample", before) == ["12 True", "no child left"]


def test_an_error_arrives_with_its_hint(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    said = read(tmp_path, "sqlite:///broken.db")
    assert said[0].startswith("error: ")
    assert "broken.db" in said[0]


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        ("import edm_core.stores.first_runs as r; r.load_runs = lambda *a, **k: time.sleep(600)", 0.2),
        ("import edm_core.stores.first_runs as r; r.load_runs = lambda *a, **k: os._exit(3)", 30),
    ],
    ids=["it takes long", "it dies"],
)
def test_where_it_takes_long_or_dies_the_screen_reads_for_itself(tmp_path: Path, before: str, seconds: float) -> None:
    assert read(tmp_path, "memory://sample", before, seconds) == ["none", "no child left"]


NEXT_START = """
import sqlite3, sys, time
from edm_core.workspace import find_workspace
from edm_tui.first_read import FirstRead
from edm_tui.services import Services

workspace = find_workspace()


def start(before=lambda: None):
    first = FirstRead(workspace)
    _, painted = first.result(30)
    print([row.name for row in painted.rows], painted.old)
    before()
    services = Services(workspace)
    services.take_over(first)
    snapshot = services._read_runs(None, (), False, lambda part: True)
    print([row.name for row in snapshot.rows], snapshot.old, services.token_before is not None)


start()
with sqlite3.connect("mlflow.db") as db:
    db.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'two'")
db.close()
start()
# A writer holds the store, so that nothing can be read: the rows are there all the same.
db = sqlite3.connect("mlflow.db", isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
start(lambda: db.execute("ROLLBACK"))
"""


def test_the_next_start_has_the_rows_of_the_last_at_once_and_then_those_of_now(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    client = mlflow_client(workspace)
    experiment = ensure_experiment(client, workspace)
    for start, name in enumerate(("one", "two")):
        log_run(client, experiment, name, start=1_700_000_000_000 + start)
    done = subprocess.run(
        [sys.executable, "-c", NEXT_START], cwd=workspace.root, capture_output=True, text=True, check=True, timeout=60
    )
    assert [row.name for row in load_runs(workspace).rows] == ["one"]
    both = "['two', 'one']"
    assert done.stdout.splitlines() == [
        f"{both} False", f"{both} False True",
        f"{both} True", "['one'] False True",
        "['one'] True", "['one'] False True",
    ]  # fmt: skip
