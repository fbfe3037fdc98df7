"""The journal survives crashes and tells what is unfinished; the lock makes verbs queue and names its holder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.journal import Journal
from edm_core.lock import data_lane
from edm_core.processes import ProcessMark, own_mark
from edm_core.settings import Settings
from edm_core.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, Settings())


def test_an_entry_goes_from_open_to_done_to_undone(workspace: Workspace) -> None:
    journal = Journal(workspace)
    entry = journal.begin("keep", "cnn", run_id="abc")
    journal.step(entry.id, "add", hash="h1")
    journal.step(entry.id, "add", hash="h2")
    assert journal.last_undoable() is None
    journal.done(entry.id, undo={"commit": "c"})
    last = Journal(workspace).last_undoable()
    assert last is not None
    assert (last.verb, last.target, last.data["run_id"], last.state) == ("keep", "cnn", "abc", "done")
    assert last.has("add")
    assert last.step_data("add") == {"hash": "h2"}
    assert last.undo == {"commit": "c"}
    journal.undone(entry.id)
    assert journal.last_undoable() is None


def test_what_cannot_be_undone_is_not_offered(workspace: Workspace) -> None:
    journal = Journal(workspace)
    kept = journal.begin("keep", "cnn")
    journal.done(kept.id, undo={})
    pushed = journal.begin("push", "cnn")
    journal.done(pushed.id)
    undoable, last = journal.last_undoable(), journal.last_done()
    assert undoable is not None
    assert undoable.id == kept.id
    assert last is not None
    assert last.id == pushed.id


def test_a_line_cut_off_by_a_power_cut_costs_only_itself(workspace: Workspace) -> None:
    journal = Journal(workspace)
    first = journal.begin("keep", "one")
    with journal.path.open("ab") as file:
        file.write(b'{"id": "half')
    second = journal.begin("keep", "two")
    assert [entry.id for entry in journal.entries()] == [first.id, second.id]


def test_only_an_entry_whose_process_is_gone_is_unfinished(workspace: Workspace) -> None:
    journal = Journal(workspace)
    journal.begin("keep", "mine")
    script = (
        "import sys; from pathlib import Path; from edm_core.journal import Journal;"
        "from edm_core.settings import Settings; from edm_core.workspace import Workspace;"
        "Journal(Workspace(Path(sys.argv[1]), Settings())).begin('discard', 'theirs')"
    )
    subprocess.run([sys.executable, "-c", script, str(workspace.root)], check=True)
    assert [entry.target for entry in journal.unfinished()] == ["theirs"]


def test_a_pid_that_was_used_again_is_another_process() -> None:
    mark = own_mark()
    assert mark.alive()
    assert not ProcessMark(mark.pid, mark.start - 100, mark.boot_id, mark.host).alive()
    assert not ProcessMark(mark.pid, mark.start, "another-boot", mark.host).alive()
    assert ProcessMark(mark.pid, mark.start, "another-boot", "another-host").alive()


def test_the_lock_is_waited_for_and_its_holder_named(workspace: Workspace) -> None:
    script = (
        "import sys; from pathlib import Path; from edm_core.lock import data_lane;"
        "from edm_core.settings import Settings; from edm_core.workspace import Workspace\n"
        "with data_lane(Workspace(Path(sys.argv[1]), Settings()), 'push'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(workspace.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        assert holder.stdin is not None
        holder.stdin.close()

    with data_lane(workspace, "keep", hear), data_lane(workspace, "push", hear):
        assert f"pid {holder.pid} (" in said[0]
    holder.stdout.close()
    assert holder.wait() == 0
    assert len(said) == 1


def test_a_dead_holder_frees_the_lock(workspace: Workspace) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from edm_core.lock import data_lane;"
        "from edm_core.settings import Settings; from edm_core.workspace import Workspace\n"
        "with data_lane(Workspace(Path(sys.argv[1]), Settings()), 'push'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(workspace.root)], check=False)
    said: list[str] = []
    with data_lane(workspace, "keep", said.append):
        assert not said
    assert os.path.exists(workspace.edm_dir / "lock")  # noqa: PTH110
